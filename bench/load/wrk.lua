-- Asks the `cases`, a table of {path, body, headers} that bench/load/wrk.py writes before this text: round after round, or by
-- chance where it has written a `skew`: then the first is asked most often, the one at n by 1 / n ^ skew of that.
-- A body that has seven zeros twice (`unheard`) is another each time: they become the start of this thread's run, and a count.
local requests, sums, turn, threads = {}, {}, 0, 0

setup = function(thread)
  threads = threads + 1
  thread:set("first", threads)
end

local function parted(text)
  local from, to = text:find("0000000", 1, true)
  return text:sub(1, from - 1), text:sub(to + 1)
end

init = function()
  local sum = 0
  for i, case in ipairs(cases) do
    local headers = {["Content-Type"] = "application/json"}
    for name, value in pairs(case[3] or {}) do headers[name] = value end
    requests[i] = wrk.format("POST", case[1], headers, case[2])
    if unheard then
      local before, rest = parted(requests[i])
      requests[i] = {before .. string.format("%07d", (os.time() * 64 + first) % 10000000), parted(rest)}
    end
    sum = sum + 1 / i ^ (skew or 0)
    sums[i] = sum
  end
  math.randomseed(os.time())
  io.write("READY\n")
  io.flush()
end

local function drawn()
  local at, low, high = math.random() * sums[#sums], 1, #sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < at then low = middle + 1 else high = middle end
  end
  return low
end

request = function()
  if unheard then
    turn = turn + 1
    local parts = requests[turn % #requests + 1]
    return parts[1] .. parts[2] .. string.format("%07d", turn) .. parts[3]
  end
  turn = skew and drawn() or turn % #requests + 1
  return requests[turn]
end

-- wrk's own counters, whole: its report rounds them.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50":%d,"p99":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
