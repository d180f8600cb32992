-- Adds a session to the index of its user, and removes some that have expired. KEYS: the index. ARGV:
-- when the session was created; its entry; its time to live in milliseconds, 0 for no limit. The index
-- lives as long as the session in it that lives longest.
local left = redis.call('PTTL', KEYS[1])
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, 15)) do
  local expires = string.match(entry, ' (%-?%d+)$')
  if expires and tonumber(expires) <= tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], entry)
  end
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] == '0' then
  redis.call('PERSIST', KEYS[1])
elseif left == -2 or (left >= 0 and left < tonumber(ARGV[3])) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
