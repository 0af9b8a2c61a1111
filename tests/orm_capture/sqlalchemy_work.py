"""What SQLAlchemy and Alembic emit: tables, units of work, queries, inspection, migrations."""

from __future__ import annotations

from typing import Any

import alembic
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import func
from sqlalchemy import orm as o
from sqlalchemy.dialects import postgresql as pg

from orm_capture.recording import Recorder, client_side


class Base(o.DeclarativeBase):
    """All tables of this module."""


class User(Base):
    """Somebody with addresses."""

    __tablename__ = "user_account"
    id: o.Mapped[int] = o.mapped_column(primary_key=True)
    name: o.Mapped[str] = o.mapped_column(sa.String(30), index=True)
    data: o.Mapped[Any | None] = o.mapped_column(pg.JSONB)
    tags: o.Mapped[list[str] | None] = o.mapped_column(pg.ARRAY(sa.String))
    created: o.Mapped[Any] = o.mapped_column(sa.DateTime(timezone=True), server_default=func.now())
    fullname: o.Mapped[str | None]
    addresses: o.Mapped[list[Address]] = o.relationship(
        back_populates="user", cascade="all, delete-orphan"
    )


class Address(Base):
    """Of one user."""

    __tablename__ = "address"
    id: o.Mapped[int] = o.mapped_column(primary_key=True)
    email: o.Mapped[str] = o.mapped_column(unique=True)
    user_id: o.Mapped[int] = o.mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"))
    kind: o.Mapped[str | None] = o.mapped_column(sa.Enum("home", "work", name="kind"))
    user: o.Mapped[User] = o.relationship(back_populates="addresses")
    __table_args__ = (
        sa.CheckConstraint("email <> ''", name="ck"),
        sa.Index("ix_lower", func.lower(sa.text("email"))),
    )


class Employee(Base):
    """One of a hierarchy, with subclasses in tables of their own."""

    __tablename__ = "employee"
    id: o.Mapped[int] = o.mapped_column(primary_key=True)
    type: o.Mapped[str]
    manager_id: o.Mapped[int | None] = o.mapped_column(sa.ForeignKey("employee.id"))
    salary: o.Mapped[Any | None] = o.mapped_column(sa.Numeric(10, 2))
    __mapper_args__ = {"polymorphic_on": "type", "polymorphic_identity": "employee"}  # noqa: RUF012


class Engineer(Employee):
    """A subclass."""

    __tablename__ = "engineer"
    id: o.Mapped[int] = o.mapped_column(sa.ForeignKey("employee.id"), primary_key=True)
    lang: o.Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


def emit(recorder: Recorder, folder: str) -> dict[str, str]:
    """Work on the database of the socket in `folder`; returns the packages' versions."""
    engine = sa.create_engine(
        f"postgresql+psycopg://postgres@/sqlalchemy?host={folder}",
        connect_args={"cursor_factory": client_side()},
    )
    with engine.connect():  # what the dialect asks of a new server is no work of anybody's
        pass
    recorder.origin = "sqlalchemy"
    Base.metadata.create_all(engine)
    with o.Session(engine) as session:
        _rows(session)
        _queries(session)
        _changes(session)
        session.commit()
    _inspection(engine)
    recorder.origin = "alembic"
    with engine.begin() as connection:
        _migrations(connection)
    recorder.origin = "sqlalchemy"
    Base.metadata.drop_all(engine)
    recorder.origin = ""
    engine.dispose()
    return {"sqlalchemy": sa.__version__, "alembic": alembic.__version__}


def _rows(session: o.Session) -> None:
    user = User(name="a", data={"x": 1}, tags=["q"], fullname="A B")
    session.add_all([user, User(name="b")])
    session.flush()
    session.add(Address(email="a@x", user=user, kind="home"))
    session.add(Engineer(salary=5, lang="py"))
    session.flush()


def _queries(session: o.Session) -> None:
    select, U, A, E = sa.select, User, Address, Employee  # noqa: N806 -- as short as their SQL
    counted = select(A.user_id, func.count().label("n")).group_by(A.user_id).subquery()
    top = select(E.id, E.manager_id).where(E.manager_id.is_(None)).cte("c", recursive=True)
    tree = top.union_all(select(E.id, E.manager_id).join(top, E.manager_id == top.c.id))
    lateral = select(A.id).where(A.user_id == U.id).limit(1).lateral()
    values = sa.values(sa.column("a", sa.Integer), name="v").data([(1,), (2,)])
    for asked in (
        select(U).where(U.name == "a"),
        select(U).options(o.selectinload(U.addresses)),
        select(U).options(o.joinedload(U.addresses)),
        select(U).join(A).where(A.email.like("%x")),
        select(U.name, func.count(A.id)).outerjoin(A).group_by(U.name)
        .having(func.count(A.id) > 0).order_by(U.name.desc()).limit(5),
        select(U, counted.c.n).join(counted, U.id == counted.c.user_id),
        select(tree),
        select(U).where(U.addresses.any(A.kind == "home")),
        select(U).where(sa.exists().where(A.user_id == U.id)),
        select(U.id).where(U.id.in_([1, 2, 3])),
        select(U.id).union(select(A.id)),
        select(U.id).except_(select(A.id)),
        select(func.row_number().over(partition_by=U.name, order_by=U.id)),
        select(U.data["x"].astext, U.data.contains({"x": 1})),
        select(U).where(U.tags.any("q")),
        select(func.unnest(U.tags)),
        select(
            sa.case((U.id > 1, "x"), else_="y"), sa.cast(U.id, sa.String),
            sa.extract("year", U.created), func.coalesce(U.fullname, "z"),
            U.name + "q", func.lower(U.name),
        ),
        select(U).with_for_update(skip_locked=True),
        select(U).with_for_update(of=U, nowait=True, key_share=True),
        select(E),
        select(Engineer).where(Engineer.lang == "py"),
        select(func.generate_series(1, 3)),
        select(sa.literal(1), func.now(), func.current_date()),
        select(U).distinct(U.name).order_by(U.name),
        select(U).order_by(U.fullname.desc().nulls_last()).limit(1).offset(1),
        select(lateral.c.id, U.id).select_from(U).join(lateral, sa.true()),
        select(values.c.a),
        select(func.count()).select_from(U).where(U.name.ilike("%a%") | U.fullname.is_(None)),
        select(func.string_agg(U.name, ",").filter(U.id > 1)),
        sa.text("select 1"),
    ):  # fmt: skip
        session.execute(asked).unique().all()


def _changes(session: o.Session) -> None:
    U, A = User, Address  # noqa: N806 -- as short as their SQL
    upsert = pg.insert(A).values(email="a@x", user_id=1, kind="work")
    session.execute(
        upsert.on_conflict_do_update(index_elements=[A.email], set_={"kind": "work"}).returning(
            A.id
        )
    )
    again = pg.insert(A).values(email="a@x", user_id=1)
    session.execute(again.on_conflict_do_nothing().returning(A.id))
    session.execute(sa.insert(U).values([{"name": "c"}, {"name": "d"}]))
    session.execute(sa.update(U).where(U.name == "c").values(fullname=U.name))
    unknown = sa.select(U.id).where(U.name == "zz")
    session.execute(sa.delete(A).where(A.user_id.in_(unknown)).returning(A.id))
    with session.begin_nested():
        session.add(User(name="n"))
    with session.begin_nested() as inner:
        session.add(User(name="never"))
        session.flush()
        inner.rollback()
    user = session.get(User, 1, populate_existing=True)
    assert user is not None
    user.fullname = "zz"
    session.flush()
    session.delete(user)
    session.flush()


def _inspection(engine: sa.Engine) -> None:
    about = sa.inspect(engine)
    about.get_table_names()
    about.get_view_names()
    about.get_schema_names()
    for asked in (
        about.get_columns,
        about.get_pk_constraint,
        about.get_foreign_keys,
        about.get_indexes,
        about.get_unique_constraints,
        about.get_check_constraints,
    ):
        asked("address")


def _migrations(connection: sa.Connection) -> None:
    context = MigrationContext.configure(connection)
    context._ensure_version_table()
    op = Operations(context)
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("ts", sa.DateTime, server_default=func.now()),
        sa.UniqueConstraint("name", name="uq_n"),
        sa.ForeignKeyConstraint(["id"], ["user_account.id"], name="fk_a", ondelete="CASCADE"),
        comment="acc",
    )
    op.add_column("account", sa.Column("last", sa.DateTime, comment="l"))
    op.alter_column("account", "name", new_column_name="title")
    op.alter_column("account", "title", type_=sa.Text, existing_type=sa.String(50))
    op.alter_column("account", "title", nullable=True)
    op.alter_column("account", "title", server_default="x")
    op.create_index(
        "ix_t", "account", ["title"], unique=True, postgresql_where=sa.text("title <> ''")
    )
    op.drop_index("ix_t", "account")
    op.create_foreign_key("fk2", "account", "employee", ["id"], ["id"])
    op.drop_constraint("fk2", "account", type_="foreignkey")
    op.create_check_constraint("ck_t", "account", sa.func.length(sa.column("title")) > 0)
    op.create_unique_constraint("uq2", "account", ["last"])
    accounts = sa.table("account", sa.column("id", sa.Integer), sa.column("title", sa.String))
    op.bulk_insert(accounts, [{"id": 2, "title": "t"}])
    op.execute("UPDATE account SET title='q' WHERE id=2")
    op.rename_table("account", "accounts")
    op.drop_column("accounts", "last")
    op.drop_table("accounts")
    for old, new in ((None, "abc"), ("abc", "def")):
        _stamped(context, old, new)
    sa.Enum("a", "b", name="en").create(connection)
    op.create_table_comment("employee", "c")
    op.execute("ALTER TYPE en ADD VALUE 'c'")


def _stamped(context: MigrationContext, old: str | None, new: str) -> None:
    table = context._version
    if old is None:
        context.impl._exec(table.insert().values(version_num=sa.literal_column(f"'{new}'")))
        return
    context.impl._exec(
        table.update()
        .values(version_num=sa.literal_column(f"'{new}'"))
        .where(table.c.version_num == sa.literal_column(f"'{old}'"))
    )
