from django.db import migrations

# Roll-ups are few and outlive the samples, so they are no partitions: what is too old
# is deleted by an index. Those of deleted metrics and organizations are swept up.
CREATE = """
CREATE TABLE monitoring_rollupblock (
    id bigint PRIMARY KEY DEFAULT nextval('monitoring_block_id'),
    organization_id bigint NOT NULL,
    metric_id bigint NOT NULL,
    step_ms integer NOT NULL,
    end_ts bigint NOT NULL,
    min_series bigint NOT NULL,
    max_series bigint NOT NULL,
    count integer NOT NULL,
    samples bigint NOT NULL,
    payload bytea NOT NULL
);
ALTER TABLE monitoring_rollupblock ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX monitoring_rollupblock_metric
    ON monitoring_rollupblock (metric_id, step_ms, end_ts);
CREATE INDEX monitoring_rollupblock_age
    ON monitoring_rollupblock (organization_id, end_ts);

-- Windows with samples that their roll-ups, if any, do not know.
CREATE TABLE monitoring_rollupdue (
    organization_id bigint NOT NULL,
    metric_id bigint NOT NULL,
    end_ts bigint NOT NULL,
    PRIMARY KEY (organization_id, end_ts, metric_id)
);
"""

DROP = """
DROP TABLE monitoring_rollupdue;
DROP TABLE monitoring_rollupblock;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0009_delta_totals")]
    operations = [migrations.RunSQL(CREATE, DROP)]
