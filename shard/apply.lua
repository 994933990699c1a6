-- Compare and write: after-images of a batch and the cursor that belongs to them.
-- KEYS[1]  the cursor; KEYS[2..] one hash for each operation below (one slot in a cluster).
-- ARGV[1]  the expected cursor, empty for none; ARGV[2] the new cursor.
-- ARGV[3..] for each of KEYS[2..]: what to do (P put, R remove, D drop), how many arguments
--          follow, and these.
-- No business rule and no arithmetic on values: Lua's numbers are doubles.
local CHUNK = 4000 -- even, and below what unpack takes (about 8000)

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
local at = 3
for index = 2, #KEYS do
  local key, what, count = KEYS[index], ARGV[at], tonumber(ARGV[at + 1])
  local first, last = at + 2, at + 1 + count
  if what == 'D' then
    redis.call('UNLINK', key)
  else
    local command = what == 'P' and 'HSET' or 'HDEL'
    for from = first, last, CHUNK do
      redis.call(command, key, unpack(ARGV, from, math.min(from + CHUNK - 1, last)))
    end
  end
  at = last + 1
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
