-- Charges every counter, or none (generic cell rate algorithm). KEYS: the counters, a sorted set of
-- when each is idle. ARGV: the present; then of each counter its subject, interval and capacity, in
-- milliseconds. Returns nothing if they were charged; otherwise of each counter when it allows an
-- attempt, -1 for one that does.
local now = tonumber(ARGV[1])
local charged, allowed, is_exhausted = {}, {}, false
for i = 2, #ARGV, 3 do
  local subject, interval, capacity = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local latest = now + capacity
  local from = now
  local idle = redis.call('ZSCORE', KEYS[1], subject)
  if idle then
    idle = tonumber(idle)
    if idle > latest then
      idle = latest
      redis.call('ZADD', KEYS[1], string.format('%.0f', idle), subject)
    end
    from = math.max(idle, now)
  end
  local after = from + interval
  if after > latest then
    allowed[#allowed + 1] = string.format('%.0f', after - capacity)
    is_exhausted = true
  else
    charged[#charged + 1] = string.format('%.0f', after)
    charged[#charged + 1] = subject
    allowed[#allowed + 1] = '-1'
  end
end
if is_exhausted then
  return allowed
end
redis.call('ZADD', KEYS[1], unpack(charged))
return {}
