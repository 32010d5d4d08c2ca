-- For wrk: one line of JSON at the end. Each request has the method METHOD and the body BODY, when there are such in the environment;
-- "{n}" in its path and body is a number that grows with each request, from FIRST_NUMBER on, modulo MODULO. With COUNT_STATUSES=1 in the environment also how often each status came, which costs
-- wrk a little time for every answer.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

local method, body = os.getenv("METHOD"), os.getenv("BODY")
local number, modulo = tonumber(os.getenv("FIRST_NUMBER")), tonumber(os.getenv("MODULO"))

if method then
    wrk.method, wrk.body = method, body
    wrk.headers["Content-Type"] = "application/json"
end

if number then
    local path = nil
    function request()
        path = path or wrk.path
        number = number + 1
        local text = string.format("%.0f", number % modulo)
        return wrk.format(method, (path:gsub("{n}", text)), wrk.headers, (body:gsub("{n}", text)))
    end
end

counts = {}
if os.getenv("COUNT_STATUSES") == "1" then
    function response(status)
        local name = tostring(status)
        counts[name] = (counts[name] or 0) + 1
    end
end

local function statuses()
    local total, parts = {}, {}
    for _, thread in ipairs(threads) do
        for name, count in pairs(thread:get("counts")) do
            total[name] = (total[name] or 0) + count
        end
    end
    for name, count in pairs(total) do
        table.insert(parts, string.format('"%s":%d', name, count))
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"bytes":%d,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d,"broken":%d,"timeouts":%d,"statuses":%s}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.status, errors.connect + errors.read + errors.write, errors.timeout, statuses()))
end
