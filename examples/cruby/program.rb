# Requires extensions, and uses them.

def loaded = puts(["loaded:", *$LOADED_FEATURES.grep(/^(digest|monitor|stringio).*\.so$/)].join(" "))

loaded
require "digest"
loaded
puts "MD5: #{Digest::MD5.hexdigest("abc")}" # loads digest/md5
loaded
puts "again: #{require "digest/md5"}"
require "monitor"
puts "monitor: #{Monitor.new.synchronize { 6 * 7 }}"
require "stringio"
puts "stringio: #{StringIO.new("a\nb\n").readlines.inspect}"
begin
  Monitor.new.exit
rescue ThreadError => error
  puts "raised in an extension: #{error.class}"
end
begin
  require "zlib"
rescue LoadError => error
  puts error.message
end
kept = Array.new(1000) { |i| StringIO.new(i.to_s) }
GC.start
puts "after collection: #{kept.sum { |io| io.read.to_i }}"
loaded
