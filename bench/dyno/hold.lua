-- Holds a request while no dyno is up, as Heroku holds those for a dyno that starts; H20 after 75 s in vain.
-- HAProxy itself answers 503 at once where every server is in maintenance, and retries a refused one once a second.
local limit_s = tonumber(os.getenv("BENCH_HOLD_S") or "75")

core.register_action("hold", {"http-req"}, function(txn)
  local deadline = core.now().sec + limit_s
  while txn.f:nbsrv("dynos") == 0 do
    if core.now().sec >= deadline then
      txn:set_var("txn.code", "H20")
      return
    end
    core.msleep(10)
  end
end)
