from django.db import migrations, models

# Compaction gives a block a new id, but must not change what is younger than what.
ADD = """
ALTER TABLE monitoring_sampleblock
    ADD COLUMN appended bigint NOT NULL DEFAULT nextval('monitoring_block_id');
CREATE INDEX monitoring_logblock_fresh
    ON monitoring_logblock (organization_id, stream_id) WHERE level = 0;
"""

REMOVE = """
DROP INDEX monitoring_logblock_fresh;
ALTER TABLE monitoring_sampleblock DROP COLUMN appended;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0003_last_seen")]
    operations = [
        migrations.RunSQL(
            ADD,
            REMOVE,
            state_operations=[
                migrations.AddField(
                    "sampleblock",
                    "appended",
                    models.BigIntegerField(
                        default=0, help_text="Order among blocks with the same samples."
                    ),
                    preserve_default=False,
                )
            ],
        )
    ]
