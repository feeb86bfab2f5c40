-- Health of a GpuInstance, GpuProvider or ClusterGpuProvider, for Argo CD.
local hs = { status = "Progressing", message = "the operator has not looked yet" }

local conditions = {}
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    conditions[condition.type] = condition
  end
end
local ready, stalled = conditions.Ready, conditions.Stalled

local function say(condition)
  hs.message = condition.reason .. ": " .. condition.message
end

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "being deleted"
  if ready ~= nil and ready.status ~= "True" then
    say(ready)
  end
  return hs
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end
if ready ~= nil then
  say(ready)
end
if stalled ~= nil and stalled.status == "True" then
  hs.status = "Degraded"
  say(stalled)
elseif obj.spec.suspend == true then
  hs.status = "Suspended"
elseif ready ~= nil and ready.status == "True" then
  hs.status = "Healthy"
end
return hs
