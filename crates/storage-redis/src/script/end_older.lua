-- Deletes a session that began before a credential epoch. KEYS: the session. ARGV: the epoch. Returns
-- whether there is no such session any more.
local epoch = redis.call('HGET', KEYS[1], 'e')
if epoch and tonumber(epoch) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('UNLINK', KEYS[1])
return 1
