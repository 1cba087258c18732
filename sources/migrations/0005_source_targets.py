import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sources", "0004_heartbeats")]

    operations = [
        migrations.CreateModel(
            name="SourceTargets",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="targets",
                        serialize=False,
                        to="sources.source",
                    ),
                ),
                ("active", models.JSONField(default=list)),
                (
                    "dropped",
                    models.JSONField(default=list, help_text="Labels as discovered."),
                ),
                ("dropped_count", models.IntegerField(default=0)),
                ("updated_at", models.DateTimeField()),
            ],
        ),
    ]
