-- Keeps a session of a user while the others end. KEYS: the session. ARGV: the owner; the credential
-- epoch that has ended; the new one. Returns whether the session is of the new one.
local found = redis.call('HMGET', KEYS[1], 'u', 'e')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'e', ARGV[3])
return 1
