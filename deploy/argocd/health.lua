-- The health of kept's objects: requests, stores and destinations alike have the condition Ready.
local hs = {status = "Progressing", message = "kept has not looked at it yet"}
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
-- Waiting mends these: kept tries again.
local passing = {StoreUnreachable = true, StoreContended = true}
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    if condition.observedGeneration ~= obj.metadata.generation then
      hs.message = "kept has not looked at the last change yet"
    elseif condition.status == "True" or condition.reason == "SupersededBy" then
      hs.status = "Healthy"
      hs.message = condition.message
    else
      if not passing[condition.reason] then
        hs.status = "Degraded"
      end
      hs.message = condition.reason .. ": " .. condition.message
    end
  end
end
return hs
