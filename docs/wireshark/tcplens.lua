-- Columns and filter fields for what tcplens writes into a pcapng file (`tcplens convert --to pcapng`, `trace --write`):
--
--   tcplens.conn            number of the connection
--   tcplens.state.client    state of the client, after the packet or the row
--   tcplens.state.server    state of the server
--   tcplens.event           what a packet did, or what happened: a comment or a row's text
--   tcplens.note            a note on a segment: retransmission, duplicate-ack, …
--   tcplens.finding         what is wrong over many connections
--
-- tshark -X lua_script:docs/wireshark/tcplens.lua -r FILE.pcapng -T fields -e frame.number -e tcplens.state.client
-- In Wireshark: Help > About > Folders names the one for personal Lua plugins.
--
-- A state is the kernel's word where the file has one for that end, else what follows from packets.

local tcplens = Proto("tcplens", "tcplens: states and events")
local field = {
  conn = ProtoField.uint32("tcplens.conn", "Connection"),
  client = ProtoField.string("tcplens.state.client", "State of the client"),
  server = ProtoField.string("tcplens.state.server", "State of the server"),
  event = ProtoField.string("tcplens.event", "Event"),
  note = ProtoField.string("tcplens.note", "Note"),
  finding = ProtoField.string("tcplens.finding", "Finding"),
}
tcplens.fields = field

local comments = Field.new("frame.comment")
local stream = Field.new("tcp.stream")
local message = Field.new("systemd_journal.message")

-- What follows is kept over the whole file, for packets are looked at again in any order: by frame what to show.
local shown, conn_of_stream, conns

function tcplens.init()
  shown, conn_of_stream, conns = {}, {}, {}
end

local function connection(number)
  conns[number] = conns[number] or { kernel = {}, wire = {} }
  return conns[number]
end

-- "client SYN-SENT → ESTABLISHED (…), kernel, observed"
local function take_state(conn, text)
  local who, to = text:match("^(%l+) [%u%d-]+ → ([%u%d-]+)")
  if not conn or (who ~= "client" and who ~= "server") then return false end
  local account = (text:find(", kernel, ", 1, true) or text:find(", diag, ", 1, true)) and "kernel" or "wire"
  connection(conn)[account][who] = to
  return true
end

local function states_of(conn)
  local c = conns[conn]
  if not c then return nil, nil end
  return c.kernel.client or c.wire.client, c.kernel.server or c.wire.server
end

local function look_at_packet()
  local now = { events = {}, notes = {}, findings = {} }
  local tcp_stream = stream()
  now.conn = tcp_stream and conn_of_stream[tcp_stream.value]
  for _, comment in ipairs({ comments() }) do
    local text = comment.value
    local number = text:match("^connection (%d+): ")
    if number then
      now.conn = tonumber(number)
      if tcp_stream then conn_of_stream[tcp_stream.value] = now.conn end
    end
  end
  for _, comment in ipairs({ comments() }) do
    local text = comment.value
    if text:match("^error: ") or text:match("^warning: ") or text:match("^note: ") then
      table.insert(now.findings, text)
    elseif take_state(now.conn, text) or text:find(" ", 1, true) and not text:match("^[%l-]+, ") then
      table.insert(now.events, text)
    else
      for note in text:gmatch("[%l-]+") do table.insert(now.notes, note) end
    end
  end
  return now
end

local function look_at_row(text)
  local number, rest = text:match("^#(%d+) (.*)$")
  local now = { conn = tonumber(number), events = {}, notes = {}, findings = {} }
  rest = rest or text
  if rest:match("^error: ") or rest:match("^warning: ") or rest:match("^note: ") then
    table.insert(now.findings, rest)
  else
    take_state(now.conn, rest)
    table.insert(now.events, rest)
  end
  return now
end

function tcplens.dissector(buffer, pinfo, tree)
  local frame = pinfo.number
  if not shown[frame] then
    local row = message()
    local now = row and look_at_row(tostring(row.value)) or look_at_packet()
    now.client, now.server = states_of(now.conn)
    shown[frame] = now
  end
  local now = shown[frame]
  if not now.conn and #now.events + #now.notes + #now.findings == 0 then return end
  local branch = tree:add(tcplens, buffer())
  if now.conn then branch:add(field.conn, now.conn):set_generated() end
  if now.client then branch:add(field.client, now.client):set_generated() end
  if now.server then branch:add(field.server, now.server):set_generated() end
  for _, text in ipairs(now.events) do branch:add(field.event, text):set_generated() end
  for _, text in ipairs(now.notes) do branch:add(field.note, text):set_generated() end
  for _, text in ipairs(now.findings) do branch:add(field.finding, text):set_generated() end
end

register_postdissector(tcplens)
