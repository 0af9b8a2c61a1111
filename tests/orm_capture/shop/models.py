"""Models with the kinds of fields, keys and relations that daily work has."""

from __future__ import annotations

import uuid

from django.db import models


class Author(models.Model):
    """Who wrote it."""

    name = models.CharField(max_length=100)
    email = models.EmailField(null=True, unique=True)
    born = models.DateField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        """An index over two columns."""

        indexes = (models.Index(fields=["name", "born"], name="author_name_born"),)


class Tag(models.Model):
    """What it is about."""

    name = models.CharField(max_length=50, unique=True)


class Book(models.Model):
    """What was written."""

    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    published = models.DateTimeField(null=True)
    pages = models.IntegerField(default=0)
    uid = models.UUIDField(default=uuid.NAMESPACE_OID)
    active = models.BooleanField(default=True)
    tags = models.ManyToManyField(Tag)

    class Meta:
        """No two books of one author with one title."""

        constraints = (
            models.UniqueConstraint(fields=["title", "author"], name="title_author"),
            models.CheckConstraint(condition=models.Q(pages__gte=0), name="pages_count"),
        )
