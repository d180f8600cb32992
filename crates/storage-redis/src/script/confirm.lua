-- Makes a prepared session valid. KEYS: the session. ARGV: time to live in milliseconds, 0 for no
-- limit; owner and credential epoch, empty without an owner. Returns whether it exists.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[1], 'p')
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'u', ARGV[2], 'e', ARGV[3])
end
if ARGV[1] == '0' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
