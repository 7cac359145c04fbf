/**
 * What happens in Redis in one step. A call is a hash: o owner, e epoch, n order of the last write, t time of the last signalling,
 * k keyspace, r record, s snapshot, d if its owner has laid it down; x in place of the last three where a call has ended that was
 * in other hands before, so that those do not bring it back. A call that
 * never changed hands leaves nothing behind. Each change is counted and told in a stream under its number.
 *
 * KEYS: the call, its owner's calls, the stream, the counter. Each answers [1, epoch], [0, epoch, owner, t] if it refuses,
 * or [2, epoch, n] if it is late.
 */
export const WRITE_SCRIPT = `
local node, epoch, order, isNew, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5]
local keyspace, callId, record, snapshot, ownerKeys, most = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local signalled, isLaidDown = ARGV[12], ARGV[13] == '1'
local had = redis.call('HMGET', KEYS[1], 'o', 'e', 'n', 'x', 't')
local owner, known = had[1], tonumber(had[2] or '0')
if owner then
  if isNew and (had[4] or owner == node) then
    if epoch <= known then epoch = had[4] and known + 1 or known end
  elseif epoch < known or had[4] or (epoch == known and owner ~= node) then
    return {0, known, owner, had[5] or '0'}
  elseif epoch == known and order <= tonumber(had[3] or '0') then
    return {2, epoch, had[3]}
  end
elseif record == '' then
  return {1, epoch}
end
redis.call('HSET', KEYS[1], 'o', node, 'e', epoch, 'n', ARGV[3], 'k', keyspace)
if signalled ~= '' then redis.call('HSET', KEYS[1], 't', signalled) end
if record ~= '' then redis.call('HSET', KEYS[1], 'r', record) end
if snapshot ~= '' then redis.call('HSET', KEYS[1], 's', snapshot) end
redis.call('HDEL', KEYS[1], 'x', 'd')
if isLaidDown then redis.call('HSET', KEYS[1], 'd', '1') end
redis.call('EXPIRE', KEYS[1], ttl)
redis.call('SADD', KEYS[2], callId)
redis.call('EXPIRE', KEYS[2], ttl)
if owner and owner ~= node then redis.call('SREM', ownerKeys .. owner, callId) end
local what = record ~= '' and 'r' or 's'
local number = redis.call('INCR', KEYS[4])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', most, number .. '-1', 'c', callId, 'o', node, 'e', epoch, 'k', keyspace, 'w', what)
return {1, epoch}
`;

export const END_SCRIPT = `
local node, epoch, ttl, keyspace, callId = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local ownerKeys, most = ARGV[6], ARGV[7]
local had = redis.call('HMGET', KEYS[1], 'o', 'e', 'x', 't')
local owner, known = had[1], tonumber(had[2] or '0')
redis.call('SREM', KEYS[2], callId)
if not owner then return {1, epoch} end
if epoch < known or had[3] or (epoch == known and owner ~= node) then
  return {0, known, owner, had[4] or '0'}
end
if owner ~= node then redis.call('SREM', ownerKeys .. owner, callId) end
if epoch == 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HDEL', KEYS[1], 'r', 's', 'd')
  redis.call('HSET', KEYS[1], 'o', node, 'e', epoch, 'x', '1')
  redis.call('EXPIRE', KEYS[1], ttl)
end
local number = redis.call('INCR', KEYS[4])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', most, number .. '-1', 'c', callId, 'o', node, 'e', epoch, 'k', keyspace, 'w', 'e')
return {1, epoch}
`;
