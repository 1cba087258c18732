from django.db import migrations, models

# A process keeps the series of an organization in memory (store/known_series.py). New
# ones are found by their ids; that some are gone, by this count. A trigger keeps it,
# because series also go with their metric, their team or their organization.
CREATE = """
CREATE TABLE monitoring_registrychange (
    organization_id bigint PRIMARY KEY,
    generation bigint NOT NULL
);
CREATE FUNCTION monitoring_count_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring_registrychange AS change
    SELECT DISTINCT organization_id, 1 FROM gone ORDER BY 1
    ON CONFLICT (organization_id) DO UPDATE SET generation = change.generation + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER monitoring_series_deleted AFTER DELETE ON monitoring_series
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION monitoring_count_deletion();
"""

DROP = """
DROP TRIGGER monitoring_series_deleted ON monitoring_series;
DROP FUNCTION monitoring_count_deletion;
DROP TABLE monitoring_registrychange;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0005_retention")]
    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.AddIndex(
            model_name="series",
            index=models.Index(
                fields=["organization", "id"], name="monitoring_series_in_order"
            ),
        ),
    ]
