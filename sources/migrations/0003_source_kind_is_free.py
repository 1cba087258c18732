from django.db import migrations, models


class Migration(migrations.Migration):
    """Which kinds there are is declared in code: a new one needs no migration."""

    dependencies = [("sources", "0002_source_minutes")]

    operations = [
        migrations.AlterField(
            model_name="source",
            name="kind",
            field=models.CharField(max_length=20),
        )
    ]
