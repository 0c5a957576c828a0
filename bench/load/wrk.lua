-- Goes round `cases`, a table of {path, body} that bench/load/wrk.py writes before this text.
local requests, turn = {}, 0

init = function()
  for i, case in ipairs(cases) do
    requests[i] = wrk.format("POST", case[1], {["Content-Type"] = "application/json"}, case[2])
  end
end

request = function()
  turn = turn % #requests + 1
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
