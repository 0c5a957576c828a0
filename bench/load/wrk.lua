-- Asks the `cases`, a table of {path, body, headers} that bench/load/wrk.py writes before this text: round after round, or by
-- chance where it has written a `skew`: then the first is asked most often, the one at n by 1 / n ^ skew of that.
local requests, sums, turn = {}, {}, 0

init = function()
  local sum = 0
  for i, case in ipairs(cases) do
    local headers = {["Content-Type"] = "application/json"}
    for name, value in pairs(case[3] or {}) do headers[name] = value end
    requests[i] = wrk.format("POST", case[1], headers, case[2])
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
