from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sources", "0006_pushed_groups")]

    operations = [
        migrations.AddField(
            model_name="sourcetargets",
            name="is_down",
            field=models.BooleanField(
                default=False,
                help_text="There are targets, and none of them answers well.",
            ),
        )
    ]
