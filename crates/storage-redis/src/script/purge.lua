-- Deletes counters that are idle, and those that are more than are kept, which are idle first. KEYS:
-- the counters. ARGV: the present; how many are kept; how many are deleted at most. Returns how many
-- were deleted.
local limit = tonumber(ARGV[3])
if limit <= 0 then
  return 0
end
local idle = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, limit)
for _, subject in ipairs(idle) do
  redis.call('ZREM', KEYS[1], subject)
end
local surplus = math.min(redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2]), limit - #idle)
if surplus <= 0 then
  return #idle
end
return #idle + redis.call('ZREMRANGEBYRANK', KEYS[1], 0, surplus - 1)
