"""What Peewee emits for models of its own: tables, rows, queries, and what it asks the server."""

from __future__ import annotations

import datetime as dt

import peewee as p
from playhouse.migrate import PostgresqlMigrator, migrate
from playhouse.postgres_ext import Psycopg3Database

from orm_capture.recording import Recorder, client_side

DATABASE = p.DatabaseProxy()


class Person(p.Model):
    """Somebody."""

    name = p.CharField(index=True)
    birthday = p.DateField(null=True)
    active = p.BooleanField(default=True)

    class Meta:
        """Where it is kept."""

        database = DATABASE


class Pet(p.Model):
    """Whose animal."""

    owner = p.ForeignKeyField(Person, backref="pets", on_delete="CASCADE")
    name = p.CharField()
    kind = p.TextField(null=True)

    class Meta:
        """No two animals of one owner with one name."""

        database = DATABASE
        indexes = ((("owner", "name"), True),)


def emit(recorder: Recorder, folder: str) -> str:
    """Work on the database of the socket in `folder`; returns the package's version."""
    database = Psycopg3Database(
        "peewee", user="postgres", host=folder, cursor_factory=client_side(), register_hstore=False
    )
    DATABASE.initialize(database)
    database.connect()
    recorder.origin = "peewee"
    database.create_tables([Person, Pet])
    _rows(database)
    _queries()
    _inspection(database)
    migrator = PostgresqlMigrator(database)
    migrate(
        migrator.add_column("pet", "age", p.IntegerField(null=True)),
        migrator.rename_column("pet", "age", "years"),
        migrator.drop_column("pet", "years"),
    )
    database.drop_tables([Pet, Person])
    recorder.origin = ""
    database.close()
    return str(p.__version__)


def _rows(database: p.Database) -> None:
    person = Person.create(name="P", birthday=dt.date(1960, 1, 1))
    Pet.create(owner=person, name="kit", kind="cat")
    Pet.insert_many([{"owner": person, "name": "a"}, {"owner": person, "name": "b"}]).execute()
    Pet.insert(owner=person, name="kit").on_conflict(
        conflict_target=[Pet.owner, Pet.name], update={Pet.kind: "dog"}
    ).execute()
    Pet.insert(owner=person, name="kit").on_conflict_ignore().execute()
    Pet.update(kind="x").where(Pet.name == "a").execute()
    Pet.delete().where(Pet.name == "b").execute()
    person.name = "Q"
    person.save()
    Person.get_or_create(name="z")
    Person.update(active=False).returning(Person).execute()
    with database.atomic():
        Person.create(name="w")
        with database.atomic() as inner:
            Person.create(name="never")
            inner.rollback()
    with database.atomic() as outer:
        Person.create(name="never")
        outer.rollback()
    person.delete_instance(recursive=True)


def _queries() -> None:
    fn = p.fn
    common = Person.select(Person.id).cte("c")
    for asked in (
        Person.select(),
        Person.select().where((Person.name == "P") & Person.active).order_by(-Person.name).limit(3),
        Pet.select(Pet, Person).join(Person).where(Person.name.startswith("P")),
        Person.select(Person, fn.COUNT(Pet.id).alias("c")).join(Pet, p.JOIN.LEFT_OUTER).group_by(Person),
        Pet.select().where(Pet.owner.in_(Person.select(Person.id).where(Person.name == "P"))),
        Person.select(fn.Lower(Person.name), p.Case(None, [(Person.id > 1, "a")], "b")),
        Person.select() | Person.select().where(Person.id == 1),
        Pet.select(Pet.name, fn.RANK().over(partition_by=[Pet.owner], order_by=[Pet.id])),
        Pet.select(Pet.name).join(common, on=common.c.id == Pet.owner_id).with_cte(common),
        Pet.select().where(fn.EXISTS(Person.select(Person.id).where(Person.id == Pet.owner))),
        Person.select().for_update(),
        Person.select().where(Person.name == "z").limit(1).offset(0),
        Person.select().distinct(),
        Person.select(Person.birthday.truncate("year")),
        Person.select().where(Person.birthday.year == 1960),
        Pet.select(Pet.owner, fn.STRING_AGG(Pet.name, ",")).group_by(Pet.owner),
        Pet.select().where(Pet.kind.is_null() | (Pet.name ** "%i%")),
        Pet.select().where(Pet.id.between(1, 9) & ~(Pet.name << ["x", "y"])),
    ):  # fmt: skip
        list(asked.tuples())
    Pet.select().count()
    Pet.select().exists()


def _inspection(database: p.Database) -> None:
    database.get_tables()
    database.get_views()
    database.get_columns("pet")
    database.get_primary_keys("pet")
    database.get_indexes("pet")
    database.get_foreign_keys("pet")
    database.sequence_exists("pet_id_seq")
