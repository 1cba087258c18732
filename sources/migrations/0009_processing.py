import django.db.models.deletion
import django.db.models.manager
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_retention"),
        ("sources", "0008_source_streams"),
    ]

    operations = [
        migrations.AddField(
            model_name="source",
            name="processing",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What is done to its lines before storing.",
            ),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="derive_errors",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="derived",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="filtered",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="limited",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="masked",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourceminute",
            name="sampled",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="derive_errors_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="derived_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="filtered_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="format_changed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="former_format",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="limited_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="masked_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="sourcestate",
            name="sampled_total",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="sourcestate",
            name="detected_format",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.CreateModel(
            name="KnownValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "slot",
                    models.CharField(
                        help_text="What the value is for.", max_length=400
                    ),
                ),
                ("value", models.CharField(max_length=256)),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="sources.source"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "slot", "value"),
                        name="sources_knownvalue_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LogFormat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("name", models.CharField(max_length=40)),
                ("title", models.CharField(blank=True, max_length=100)),
                (
                    "syntax",
                    models.CharField(
                        choices=[("regex", "regex"), ("pattern", "pattern")],
                        max_length=10,
                    ),
                ),
                (
                    "expression",
                    models.TextField(
                        help_text="Lines of the format: an RE2 expression with named groups, or a pattern."
                    ),
                ),
                (
                    "time_format",
                    models.CharField(
                        blank=True,
                        help_text="As for strftime; empty: recognised.",
                        max_length=100,
                    ),
                ),
                (
                    "event_start",
                    models.CharField(
                        blank=True,
                        help_text="What the first line of an event looks like, if it has several.",
                        max_length=1000,
                    ),
                ),
                ("example", models.TextField(blank=True)),
                (
                    "detected",
                    models.BooleanField(
                        default=True,
                        help_text="Whether sources that name no format are tried for it.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "unscoped",
                "default_manager_name": "unscoped",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"),
                        name="sources_logformat_unique_name",
                    )
                ],
            },
            managers=[
                ("unscoped", django.db.models.manager.Manager()),
            ],
        ),
    ]
