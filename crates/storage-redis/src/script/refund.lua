-- Takes one attempt back from each counter. KEYS: the counters. ARGV: the present; then of each
-- counter its subject and interval, in milliseconds.
local now = tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  local idle = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if idle then
    local before = tonumber(idle) - tonumber(ARGV[i + 1])
    if before <= now then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], string.format('%.0f', before), ARGV[i])
    end
  end
end
return 1
