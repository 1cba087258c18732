import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sources", "0007_targets_are_down")]

    operations = [
        migrations.CreateModel(
            name="SourceStream",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="stream",
                        serialize=False,
                        to="sources.source",
                    ),
                ),
                ("position", models.JSONField(default=dict)),
                ("moves", models.BigIntegerField(default=0)),
                ("connected_since", models.DateTimeField(null=True)),
                ("reconnects", models.BigIntegerField(default=0)),
                ("messages", models.BigIntegerField(default=0)),
                (
                    "lost",
                    models.BigIntegerField(
                        default=0, help_text="Messages of which nothing could be kept."
                    ),
                ),
                ("last_error", models.TextField(blank=True)),
                ("last_error_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
    ]
