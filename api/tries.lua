-- Wrong guesses of one name, and those whose answer is not known yet ("in flight").
-- KEYS[1] how many were wrong; KEYS[2] those in flight, by when they began (one slot in a cluster).
-- ARGV[1] take, wrong or right; ARGV[2] name of the guess; ARGV[3] how many there may be;
-- ARGV[4] window of wrong ones, ARGV[5] longest that one is in flight, both in ms.
-- take answers how many ms to wait, 0 where it was taken; the others settle it, once.
if ARGV[1] == 'take' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local wrong = tonumber(redis.call('GET', KEYS[1]) or '0')
  if wrong >= tonumber(ARGV[3]) then
    return math.max(redis.call('PTTL', KEYS[1]), 1)
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now - ARGV[5])
  if wrong + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
    return 1000
  end
  redis.call('ZADD', KEYS[2], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  return 0
end
if redis.call('ZREM', KEYS[2], ARGV[2]) == 1 and ARGV[1] == 'wrong' then
  if redis.call('INCR', KEYS[1]) == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
end
return 0
