-- A wrong guess counted: a hash of wrong ones (w) and of those whose answer is not known yet (f).
-- KEYS[1]  of one name.  ARGV[1]  take, wrong or right.  ARGV[2] limit, ARGV[3] window in ms.
-- take answers how many ms to wait, 0 where it was taken; the others settle what was taken.
local wrong = tonumber(redis.call('HGET', KEYS[1], 'w') or '0')
local flying = tonumber(redis.call('HGET', KEYS[1], 'f') or '0')
if ARGV[1] == 'take' then
  if wrong >= tonumber(ARGV[2]) then
    return math.max(redis.call('PTTL', KEYS[1]), 1)
  end
  if wrong + flying >= tonumber(ARGV[2]) then
    return 1000
  end
  redis.call('HINCRBY', KEYS[1], 'f', 1)
  if redis.call('PTTL', KEYS[1]) < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
  return 0
end
if flying > 0 then
  redis.call('HINCRBY', KEYS[1], 'f', -1)
end
if ARGV[1] == 'wrong' then
  redis.call('HINCRBY', KEYS[1], 'w', 1)
  if redis.call('PTTL', KEYS[1]) < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
elseif wrong == 0 and flying <= 1 then
  redis.call('DEL', KEYS[1])
end
return 0
