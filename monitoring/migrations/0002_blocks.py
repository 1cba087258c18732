from django.db import migrations

# Partitioned tables are beyond Django's schema editor. A day is a partition, so
# that retention is DROP. Payloads are compressed already: STORAGE EXTERNAL spares
# PostgreSQL the attempt to compress them again.
CREATE = """
CREATE SEQUENCE monitoring_block_id;

CREATE TABLE monitoring_sampleblock (
    day date NOT NULL,
    id bigint NOT NULL DEFAULT nextval('monitoring_block_id'),
    organization_id bigint NOT NULL,
    metrics bigint[] NOT NULL,
    level smallint NOT NULL,
    min_ts bigint NOT NULL,
    max_ts bigint NOT NULL,
    min_series bigint NOT NULL,
    max_series bigint NOT NULL,
    count integer NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
ALTER TABLE monitoring_sampleblock ALTER COLUMN payload SET STORAGE EXTERNAL;
-- Mixed blocks are found by time; from level 1 a block has one metric.
CREATE INDEX monitoring_sampleblock_mixed
    ON monitoring_sampleblock (organization_id, max_ts) WHERE level = 0;
CREATE INDEX monitoring_sampleblock_metric
    ON monitoring_sampleblock (organization_id, (metrics[1]), max_ts) WHERE level > 0;

CREATE TABLE monitoring_logblock (
    day date NOT NULL,
    id bigint NOT NULL DEFAULT nextval('monitoring_block_id'),
    organization_id bigint NOT NULL,
    stream_id bigint NOT NULL,
    level smallint NOT NULL,
    min_ts bigint NOT NULL,
    max_ts bigint NOT NULL,
    count integer NOT NULL,
    size integer NOT NULL,
    level_counts integer[] NOT NULL,
    token_filter bytea NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
ALTER TABLE monitoring_logblock ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE monitoring_logblock ALTER COLUMN token_filter SET STORAGE EXTERNAL;
-- Backward reads walk along max_ts, forward reads along min_ts.
CREATE INDEX monitoring_logblock_backward
    ON monitoring_logblock (organization_id, max_ts);
CREATE INDEX monitoring_logblock_forward
    ON monitoring_logblock (organization_id, min_ts);
CREATE INDEX monitoring_logblock_stream
    ON monitoring_logblock (stream_id, max_ts, min_ts);
"""

DROP = """
DROP TABLE monitoring_logblock;
DROP TABLE monitoring_sampleblock;
DROP SEQUENCE monitoring_block_id;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
