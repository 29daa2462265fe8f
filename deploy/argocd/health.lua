-- The health of kept's objects. Of requests it is that of their files, the condition Committed: whether what these become
-- runs is for Ready to say, and a vcluster that does not boot must not keep a sync from ending. Stores and destinations have
-- Ready alone.
local hs = {status = "Progressing", message = "kept has not looked at it yet"}
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
-- Waiting mends these: kept tries again.
local passing = {StoreUnreachable = true, StoreContended = true}
local type = "Ready"
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Committed" then
    type = "Committed"
  end
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == type then
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
