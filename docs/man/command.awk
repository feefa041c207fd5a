# Makes the page of one command of its section in tcplens.1: awk -v name=trace -v summary='watch …' -f command.awk tcplens.1
BEGIN {
    print ".TH TCPLENS-" toupper(name) " 1 \"\" \"tcplens\" \"User Commands\""
    print ".SH NAME\ntcplens\\-" name " \\- " summary
    print ".SH SYNOPSIS"
}
# The synopsis has a line for each command, and what belongs to it.
/^\.SH/ { part = $2 }
part == "SYNOPSIS" && /^\.B tcplens / { mine = $3 == name }
part == "SYNOPSIS" && mine && !/^\.(SH|br)/ { print }
part == "COMMANDS" && /^\.SS/ {
    here = $2 == name
    if (here)
        print ".SH DESCRIPTION"
    next
}
part == "COMMANDS" && here && !/^\.SH/ { print }
END {
    print ".SH SEE ALSO"
    print ".BR tcplens (1)" (name == "trace" ? "" : ",\n.BR tcplens\\-trace (1)")
    print "for options that are named here without a word, exit status and what all commands share"
}
