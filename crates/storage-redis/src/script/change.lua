-- Replaces the data of a session if it is of the expected version. KEYS: the session. ARGV: the
-- version; the new data. Returns 1 if it was replaced, 0 if it is of another version, -1 if there is
-- no such session.
local found = redis.call('HMGET', KEYS[1], 'c', 'p', 'v')
if not found[1] or found[2] then
  return -1
end
if (found[3] or '0') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'd', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'v', 1)
return 1
