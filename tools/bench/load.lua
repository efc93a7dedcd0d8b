-- One script for all loads. Reads its orders from the environment (see wrk.py) and prints one line of JSON at the end.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local heads, bodies, counter, keyed, prefix = {}, {}, 0, false, ""

function init()
  local method, path = os.getenv("BENCH_METHOD"), os.getenv("BENCH_PATH")
  local head = method .. " " .. path .. " HTTP/1.1\r\nHost: " .. os.getenv("BENCH_HOST") .. "\r\n"
  local token = os.getenv("BENCH_TOKEN")
  if token ~= "" then head = head .. "Authorization: Bearer " .. token .. "\r\n" end
  keyed = os.getenv("BENCH_KEYED") == "1"
  prefix = os.getenv("BENCH_RUN") .. "-" .. number .. "-"
  math.randomseed(tonumber(os.getenv("BENCH_SEED")) + number)
  local file = os.getenv("BENCH_BODIES")
  if file == "" then
    bodies[1], heads[1] = "\r\n", head
    return
  end
  for line in io.lines(file) do
    bodies[#bodies + 1] = "\r\n" .. line
    heads[#heads + 1] = head .. "Content-Type: application/json\r\nContent-Length: " .. #line .. "\r\n"
  end
end

function request()
  local which = #bodies > 1 and math.random(#bodies) or 1
  if not keyed then return heads[which] .. bodies[which] end
  counter = counter + 1
  return heads[which] .. "Idempotency-Key: " .. prefix .. counter .. "\r\n" .. bodies[which]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"answers":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
