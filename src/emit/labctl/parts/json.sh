# ---------------------------------------------------------------- JSON
# Everything with --json is first written as lines, then turned into one object here.

# Turns "S key text", "N key literal", "L list" and "R list col=text..." lines into one JSON object.
render_json() {
    awk -F'\t' '
        function quote(t,    i, c, out) {
            out = ""
            for (i = 1; i <= length(t); i++) {
                c = substr(t, i, 1)
                if (c == "\"" || c == "\\") out = out "\\" c
                else if (c in control) out = out control[c]
                else out = out c
            }
            return "\"" out "\""
        }
        function field(key) { if (!(key in known)) { known[key] = 1; order[++n] = key } }
        BEGIN { for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i); control[sprintf("%c", 127)] = "\\u007f" }
        $1 == "S" { field($2); value[$2] = quote($3) }
        $1 == "N" { field($2); value[$2] = $3 }
        $1 == "L" { field($2); list[$2] = 1 }
        $1 == "R" {
            field($2); list[$2] = 1
            object = ""
            for (i = 3; i <= NF; i++) {
                at = index($i, "=")
                object = object (i > 3 ? ", " : "") quote(substr($i, 1, at - 1)) ": " quote(substr($i, at + 1))
            }
            rows[$2] = rows[$2] (rows[$2] == "" ? "" : ",") "\n    {" object "}"
        }
        END {
            printf "{"
            for (i = 1; i <= n; i++) {
                key = order[i]
                printf "%s\n  %s: ", (i > 1 ? "," : ""), quote(key)
                if (key in list) printf "[%s]", (rows[key] == "" ? "" : rows[key] "\n  ")
                else printf "%s", value[key]
            }
            print "\n}"
        }'
}
