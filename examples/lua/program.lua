local names = {}
for name in pairs(package.loaded) do names[#names + 1] = name end
table.sort(names)
print("loaded: " .. table.concat(names, " "))

print(words.count("three small words"), digits.sum(12345))
print(require("words") == words, require("digits") == digits)
words.each("a function that a library calls", function(word) io.write(#word, " ") end)
print()

-- Errors of libraries, also through a library's own call.
print(pcall(digits.sum, -7))
print(pcall(words.count, {}))
print(pcall(words.each, "a b", function(word) error("at " .. word, 0) end))
print(pcall(string.rep))
print(select(2, pcall(error, "nested: " .. select(2, pcall(digits.sum, "x")))))

-- A coroutine that a library's function is called in.
local co = coroutine.wrap(function()
    for i = 1, 3 do coroutine.yield(digits.sum(i * 111)) end
    error("the end", 0)
end)
print(co(), co(), co(), pcall(co))

-- The collector.
local kept = {}
for i = 1, 20000 do kept[i % 100] = { words.count(("w "):rep(i % 7)), tostring(i) } end
collectgarbage()
print(kept[99][1], kept[99][2], collectgarbage("count") < 500)
print(math.type(utf8.len("ünï")), utf8.len("ünï"), os.getenv("NONE"), debug.getinfo(1).short_src)
