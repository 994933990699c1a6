-- Writes of whoever makes a shard's state again: only while its token is in the cursor's place.
-- KEYS[1] the cursor; KEYS[2] the lease, which lapses by itself; KEYS[3..] hashes.
-- ARGV[1] what to do; ARGV[2] the token; ARGV[3] life of the lease in ms; ARGV[4..] see below.
-- No business rule and no arithmetic on values is in here.
local CHUNK = 4000 -- even, and below what unpack takes (about 8000)

local what, token = ARGV[1], ARGV[2]
local stored = redis.call('GET', KEYS[1]) or ''
if what == 'hold' then
  -- ARGV[4] is how every token begins.
  local is_other = stored ~= token and string.sub(stored, 1, #ARGV[4]) == ARGV[4]
  if is_other and redis.call('EXISTS', KEYS[2]) == 1 then
    return 0
  end
  redis.call('SET', KEYS[1], token)
elseif stored ~= token then
  return 0
elseif what == 'clear' then
  for index = 3, #KEYS do
    redis.call('UNLINK', KEYS[index])
  end
elseif what == 'fill' then
  for from = 4, #ARGV, CHUNK do
    redis.call('HSET', KEYS[3], unpack(ARGV, from, math.min(from + CHUNK - 1, #ARGV)))
  end
else
  -- ARGV[4] is the cursor, empty for none.
  if ARGV[4] == '' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('SET', KEYS[1], ARGV[4])
  end
  redis.call('DEL', KEYS[2])
  return 1
end
redis.call('SET', KEYS[2], token, 'PX', ARGV[3])
return 1
