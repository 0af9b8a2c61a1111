"""What Django emits: its own migrations, the schema editor, and daily work on models."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import django
from django.conf import settings
from django.utils import timezone

from orm_capture.recording import Recorder

MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def emit(recorder: Recorder, folder: str) -> str:
    """Work on the database of the socket in `folder`; returns the package's version."""
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "django",
                "USER": "postgres",
                "HOST": folder,
            }
        },
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in ("contenttypes", "auth", "admin", "sessions")),
            *("django.contrib.messages", "orm_capture.shop"),
        ],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    timezone.now = lambda: MOMENT  # before any model takes it as its default
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 -- after the settings

    recorder.origin = "django migrate"
    call_command("migrate", verbosity=0, interactive=False)
    recorder.origin = "django schema"
    _schema()
    recorder.origin = "django"
    _rows()
    _queries()
    _accounts()
    _inspection()
    recorder.origin = "django schema"
    _ended()
    recorder.origin = ""
    return str(django.get_version())


def _schema() -> None:
    from django.db import connection, models  # noqa: PLC0415 -- after the settings
    from django.db.models.functions import Lower  # noqa: PLC0415

    from orm_capture.shop.models import Author, Book, Tag  # noqa: PLC0415

    with connection.schema_editor() as editor:
        for model in (Author, Tag, Book):
            editor.create_model(model)
    first = _field(models.IntegerField(null=True), "stock")
    second = _field(models.BigIntegerField(default=0), "stock")
    third = _field(models.BigIntegerField(default=0, db_index=True), "in_stock")
    newest = models.Index(models.F("published").desc(), name="pub_idx")
    lower = models.Index(Lower("title"), name="lower_idx")
    positive = models.CheckConstraint(
        condition=models.Q(price__gt=0) | models.Q(price=None), name="price_pos"
    )
    with connection.schema_editor() as editor:
        editor.add_field(Book, first)
        editor.alter_field(Book, first, second)
        editor.alter_field(Book, second, third)
        editor.remove_field(Book, third)
        editor.add_index(Book, newest)
        editor.add_index(Book, lower)
        editor.remove_index(Book, newest)
        editor.alter_db_table(Tag, "shop_tag", "shop_label")
        editor.alter_db_table(Tag, "shop_label", "shop_tag")
        editor.alter_db_table_comment(Tag, "", "what it is about")
        editor.add_constraint(Book, positive)
        editor.remove_constraint(Book, positive)


def _field(field: Any, name: str) -> Any:
    from orm_capture.shop.models import Book  # noqa: PLC0415 -- after the settings

    field.set_attributes_from_name(name)
    field.model = Book
    return field


def _rows() -> None:
    from django.db import transaction  # noqa: PLC0415 -- after the settings
    from django.db.models import Case, F, Value, When  # noqa: PLC0415

    from orm_capture.shop.models import Author, Book, Tag  # noqa: PLC0415

    ada = Author.objects.create(
        name="Ada", email="a@x", born=dt.date(1990, 1, 1), data={"k": 1, "l": [1, 2]}
    )
    neil = Author.objects.create(name="O'Neil")
    tags = [Tag.objects.create(name=name) for name in "xyz"]
    book = Book.objects.create(
        title="T1", author=ada, price="9.50", published=MOMENT, pages=10, uid=uuid.UUID(int=7)
    )
    made = [Book(title=f"B{i}", author=neil, pages=i, uid=uuid.UUID(int=i)) for i in range(3)]
    Book.objects.bulk_create(made)
    book.tags.add(tags[0], tags[1])
    book.tags.set([tags[1], tags[2]])
    Book.objects.bulk_create(
        [Book(title="B1", author=neil, pages=7, uid=uuid.UUID(int=8))],
        update_conflicts=True,
        update_fields=["pages"],
        unique_fields=["title", "author"],
    )
    Tag.objects.bulk_create([Tag(name="x")], ignore_conflicts=True)
    book.title = "T2"
    book.save()
    book.save(update_fields=["title"])
    pages = Case(When(pages__gt=1, then=Value(value=True)), default=Value(value=False))
    Book.objects.filter(pages=0).update(pages=F("pages") + 1, active=pages)
    Book.objects.bulk_update([book], ["price"])
    with transaction.atomic():
        Tag.objects.get_or_create(name="new")
        Tag.objects.update_or_create(name="new", defaults={"name": "newer"})
        with transaction.atomic():
            Tag.objects.select_for_update(skip_locked=True).filter(name="x").first()
            _undone()
    Book.objects.filter(title="B2").delete()
    neil.delete()


def _undone() -> None:
    from django.db import transaction  # noqa: PLC0415 -- after the settings

    from orm_capture.shop.models import Tag  # noqa: PLC0415

    with transaction.atomic():
        Tag.objects.create(name="never")
        transaction.set_rollback(True)


def _queries() -> None:
    from django.db import models as m  # noqa: PLC0415 -- after the settings
    from django.db.models import functions as f  # noqa: PLC0415

    from orm_capture.shop.models import Author, Book, Tag  # noqa: PLC0415

    authors, books = Author.objects, Book.objects
    newest = books.filter(author=m.OuterRef("pk")).order_by("-published")
    rank = m.Window(f.Rank(), partition_by="author", order_by=m.F("pages").desc())
    for asked in (
        authors.all(),
        authors.filter(born__year=1990),
        authors.exclude(email=None).order_by("-name", "pk")[2:7],
        authors.filter(data__k=1),
        authors.filter(data__contains={"k": 1}),
        authors.filter(data__has_key="k"),
        authors.filter(data__l__0=1),
        authors.filter(m.Q(name__icontains="d") | ~m.Q(email__startswith="z")),
        authors.annotate(n=m.Count("books"), s=m.Sum("books__price")).filter(n__gt=0),
        authors.annotate(last=m.Subquery(newest.values("title")[:1])),
        authors.filter(m.Exists(newest.filter(active=True))),
        authors.annotate(j=f.JSONObject(n="name", e="email")),
        authors.values("name").intersection(Tag.objects.values("name")),
        books.select_related("author").filter(author__name="Ada"),
        books.prefetch_related("tags"),
        books.filter(tags__name__in=["x", "y"]).distinct(),
        books.filter(pages__in=[1, 2, 3], price__isnull=False, title__iregex="^t"),
        books.values("author__name").annotate(c=m.Count("pk", filter=m.Q(active=True))),
        books.annotate(r=rank),
        books.annotate(month=f.TruncMonth("published")).values("month").annotate(m.Count("pk")),
        books.annotate(u=f.Upper("title"), c=f.Coalesce("price", 0, output_field=m.FloatField())),
        books.filter(author__in=authors.filter(name="Ada")),
        books.union(books.filter(pages=1), all=True),
        books.datetimes("published", "month"),
        books.dates("published", "year"),
        books.filter(published__date=MOMENT.date(), published__hour__gte=1),
        books.filter(pages__gt=m.F("author__pk") + 1),
        books.order_by(m.F("price").desc(nulls_last=True)),
        books.order_by("?")[:1],
        books.defer("title"),
        books.only("title"),
        books.order_by("author", "pk").distinct("author"),
        books.filter(uid=uuid.UUID(int=7)),
        books.annotate(d=f.Length("title") * 2, e=f.Extract("published", "week")),
        books.raw("SELECT * FROM shop_book"),
    ):
        list(asked)
    books.count()
    books.exists()
    books.filter(pages=1).first()
    books.in_bulk([1, 2])
    books.aggregate(m.Avg("pages"), m.Max("price"), m.StdDev("pages"))
    books.filter(title="T2").explain()
    books.get(title="T2", author__name="Ada")


def _accounts() -> None:
    from django.contrib.auth.models import Group, Permission, User  # noqa: PLC0415
    from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415

    user = User.objects.create(username="u", email="u@x", password="hash")
    group = Group.objects.create(name="g")
    group.permissions.set(Permission.objects.filter(content_type__app_label="shop")[:3])
    user.groups.add(group)
    user.has_perm("shop.add_book")
    list(User.objects.filter(groups__permissions__codename="add_book", is_active=True))
    user.last_login = MOMENT
    user.save(update_fields=["last_login"])
    session = SessionStore(session_key="s" * 32)
    session.exists("s" * 32)
    session.delete("s" * 32)


def _inspection() -> None:
    from django.db import connection  # noqa: PLC0415 -- after the settings

    with connection.cursor() as cursor:
        about = connection.introspection
        about.get_table_list(cursor)
        about.get_table_description(cursor, "shop_book")
        about.get_constraints(cursor, "shop_book")
        about.get_relations(cursor, "shop_book")
        about.get_sequences(cursor, "shop_book")
        about.get_primary_key_columns(cursor, "shop_book")


def _ended() -> None:
    from django.db import connection  # noqa: PLC0415 -- after the settings

    from orm_capture.shop.models import Author, Book, Tag  # noqa: PLC0415

    with connection.schema_editor() as editor:
        for model in (Book, Tag, Author):
            editor.delete_model(model)
    connection.close()
