import pyarrow as pa
from django.db import migrations

# Log payloads were one Arrow stream; now a head with the times comes first, and lines
# that their fields explain are left out. A stream begins with four bytes 255, which no
# head is long enough to say: so an old payload is told apart.
OLD = "substring(payload FROM 1 FOR 4) = '\\xffffffff'::bytea"


def rewrite(apps, schema_editor):
    from monitoring.store.blocks import LogLines, encode_logs

    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT day, id FROM monitoring_logblock WHERE {OLD}")
        for place in cursor.fetchall():
            cursor.execute(
                "SELECT payload FROM monitoring_logblock WHERE day = %s AND id = %s",
                place,
            )
            table = pa.ipc.open_stream(bytes(cursor.fetchone()[0])).read_all()
            lines, merged = _lines(table, LogLines)
            payload = encode_logs(lines, keep_origin=merged)
            cursor.execute(
                "UPDATE monitoring_logblock SET payload = %s"
                " WHERE day = %s AND id = %s",
                [payload, *place],
            )


def _lines(table, kind):
    """Return the lines of an old payload, and whether it knew their origins."""
    merged = "origin" in table.column_names
    ts_ns = table.column("ts_ns").to_numpy().cumsum()
    places = [
        table.column(name).to_numpy().cumsum() if merged else ts_ns
        for name in ("origin", "row")
    ]
    numbers = {"ts_ns", "level", "origin", "row"}
    text = table.select([n for n in table.column_names if n not in numbers])
    return kind(ts_ns, table.column("level").to_numpy(), *places, text), merged


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0007_exemplars")]
    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
