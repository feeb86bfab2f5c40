# Follows every link of a built site, and every place that one leads to. usage: awk -f follow-links.awk -v site=FOLDER PAGE...

BEGIN {
	find = "find '" site "' -type f"
	while ((find | getline path) > 0) files[path] = 1
	close(find)
}

{
	line = $0
	while (match(line, / id="[^"]*"/)) {
		places[FILENAME "#" substr(line, RSTART + 5, RLENGTH - 6)] = 1
		line = substr(line, RSTART + RLENGTH)
	}
	line = $0
	while (match(line, /<a [^>]*href="[^"]*"/)) {
		link = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		sub(/^.*href="/, "", link)
		sub(/"$/, "", link)
		# Not those to other sites.
		if (link !~ /^[a-z]+:/) links[FILENAME "\t" link] = 1
	}
}

END {
	for (both in links) {
		followed++
		split(both, two, "\t")
		follow(two[1], two[2])
	}
	printf "docs: %d links followed, %d broken\n", followed, broken > "/dev/stderr"
	# A site without links was not built as it should be.
	exit broken > 0 || followed == 0
}

function follow(page, link,    path, place, folder, target) {
	path = place = link
	sub(/#.*/, "", path)
	if (!sub(/^[^#]*#/, "", place)) place = ""
	folder = page
	sub(/[^\/]*$/, "", folder)
	target = path == "" ? page : normal(folder path)
	if (!(target in files)) target = target "/index.html"
	if (!(target in files)) complain(page, link, "leads nowhere")
	else if (place != "" && target ~ /\.html$/ && !((target "#" place) in places)) complain(page, link, "is no such place")
}

# A path without `.` and `..`.
function normal(path,    parts, count, i, kept, out) {
	count = split(path, parts, "/")
	kept = 0
	for (i = 1; i <= count; i++) {
		if (parts[i] == "." || parts[i] == "") continue
		if (parts[i] == "..") kept--
		else out[++kept] = parts[i]
	}
	path = out[1]
	for (i = 2; i <= kept; i++) path = path "/" out[i]
	return path
}

function complain(page, link, why) {
	broken++
	printf "docs: %s: %s %s\n", page, link, why > "/dev/stderr"
}
