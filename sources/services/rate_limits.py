"""How much a source may bring, counted in one place for all processes.

Two buckets of tokens, for lines and for bytes, that fill at the allowed rate. Who
finds tokens may bring a whole batch, and what it is too large by has to be waited for
afterwards: so batches of any size come in, and the mean is kept.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import redis

from accounts.services.connections import shared_redis
from sources.models import Source
from sources.processing import RateLimit, read_rules

logger = logging.getLogger(__name__)

# Nobody is sent away for longer: limits may be changed meanwhile.
_LONGEST_WAIT = 600
_PREFIX = "vedette:rate:"

# KEYS: the source's bucket. ARGV: now in seconds, seconds of burst, then for lines and
# for bytes the rate and how many come. Returns the seconds to wait, 0 when taken.
_TAKE = """
local now, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'at', '1', '2')
local passed = math.max(0, now - (tonumber(held[1]) or now))
local wait, left = 0, {}
for i = 1, 2 do
  local rate = tonumber(ARGV[1 + 2 * i])
  if rate > 0 then
    local most = rate * burst
    left[i] = math.min(most, (tonumber(held[i + 1]) or most) + passed * rate)
    if left[i] <= 0 then wait = math.max(wait, (1 - left[i]) / rate) end
  end
end
for i = 1, 2 do
  if left[i] then
    local taken = wait == 0 and tonumber(ARGV[2 + 2 * i]) or 0
    redis.call('HSET', KEYS[1], tostring(i), left[i] - taken)
  end
end
redis.call('HSET', KEYS[1], 'at', math.max(now, tonumber(held[1]) or now))
redis.call('EXPIRE', KEYS[1], 86400)
return tostring(wait)
"""


def rate_limit_of(processing: Mapping[str, Any]) -> RateLimit | None:
    """Return the limit that a source's rules set. Raises InvalidRulesError."""
    limit = processing.get("rate_limit")
    return read_rules({"rate_limit": limit}).rate_limit if limit else None


def limits_of(source_ids: Collection[int]) -> dict[int, RateLimit]:
    """Return the limits of those of the sources that have one."""
    limited = Source.unscoped.filter(
        pk__in=source_ids, processing__has_key="rate_limit"
    )
    rows = limited.values_list("pk", "processing")
    found = ((pk, rate_limit_of(processing)) for pk, processing in rows)
    return {pk: limit for pk, limit in found if limit is not None}


def seconds_to_wait(
    source_id: int, limit: RateLimit, *, lines: int, size: int, now: datetime
) -> int:
    """Return 0 and count what comes, or else after how many seconds to come again.

    While Redis is away everything may come: a limit must not lose what it is to guard.
    """
    rates = (limit.lines, lines, limit.size, size)
    try:
        told = _script(shared_redis(timeout=1))(
            keys=[f"{_PREFIX}{source_id}"],
            args=[now.timestamp(), limit.burst_seconds, *rates],
        )
    except redis.RedisError as error:
        logger.warning("Rate limits are not kept: %s", error)
        return 0
    seconds = float(told)
    return min(math.ceil(seconds), _LONGEST_WAIT) if seconds > 0 else 0


@cache
def _script(client: redis.Redis) -> Any:
    return client.register_script(_TAKE)
