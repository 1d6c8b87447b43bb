-- SPDX-License-Identifier: MIT
--
-- redirects -- wrk asks for the codes of a file, by Zipf's law, all alike, or nine in ten times the first.
--
-- SHUNT_CODES names the file, SHUNT_SPREAD the spread. Which code comes when is drawn once, before the start; then wrk only
-- goes through that list, so that asking costs as little as wrk without a script.
local DRAWN = 65536
local drawn, at = {}, 0

local function by_weight(weights)
    local wanted, low, high = math.random() * weights[#weights], 1, #weights
    while low < high do
        local middle = math.floor((low + high) / 2)
        if weights[middle] < wanted then low = middle + 1 else high = middle end
    end
    return low
end

function init()
    local spread = os.getenv("SHUNT_SPREAD")
    local exponent = spread == "even" and 0 or 1
    local requests, weights, total = {}, {}, 0
    for code in io.lines(os.getenv("SHUNT_CODES")) do
        requests[#requests + 1] = wrk.format("GET", "/" .. code)
        total = total + (#requests) ^ -exponent
        weights[#weights + 1] = total
    end
    math.randomseed(os.time())
    for i = 1, DRAWN do
        local chosen = spread == "celebrity" and math.random() < 0.9 and 1 or by_weight(weights)
        drawn[i] = requests[chosen]
    end
end

function request()
    at = at % DRAWN + 1
    return drawn[at]
end
