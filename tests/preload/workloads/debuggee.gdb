set confirm off
set pagination off
set width 0
set print address off
set print thread-events off
set debuginfod enabled off
break descend if depth == 0 && account.entries.size() == 4
run
bt
info locals
up 3
print depth
print account
print account.entries.size()
ptype account
info line
delete
frame function main
watch total
continue
continue
delete
print total
print account.rates.size() * 2 + total
call descend(7, account)
set variable total = 1000
tbreak std::thread::join
continue
bt -1
finish
python
import gdb
names = [str(i) * 20 for i in range(50000)]
print(len(gdb.execute("info functions descend", to_string=True)) > 0, len(set(names)))
print(gdb.parse_and_eval("account")["rates"].type)
end
catch throw
continue
print $_exitcode
