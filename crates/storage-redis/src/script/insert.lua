-- Stores a session that does not exist. KEYS: the session. ARGV: time to live in milliseconds, 0 for
-- no limit; then names and values of its fields. Returns whether it was stored.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if ARGV[1] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
