-- Records that a session was used. KEYS: the session. ARGV: when; the latest recorded use that is
-- kept because it is later.
local found = redis.call('HMGET', KEYS[1], 'c', 'p', 'a')
if not found[1] or found[2] then
  return 0
end
local recorded = found[3] and tonumber(found[3])
if recorded and recorded >= tonumber(ARGV[1]) and recorded <= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], 'a', ARGV[1])
return 1
