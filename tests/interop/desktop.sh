#!/bin/sh
# Somebody at a desktop, with Claws Mail in Xvfb: writes to herself and fetches it.
# DIRECTORY CERTIFICATE SUBMISSION_PORT POP3S_PORT ADDRESS PASSWORD
#
# DIRECTORY is empty; afterwards the letter is in Mail/inbox, and what could be seen in screenshot.png. The account is set up
# in the files that the program keeps its settings in; the passwords are typed when it asks for them.
set -eu

DIRECTORY=$1 CERTIFICATE=$2 SUBMISSION_PORT=$3 POP3S_PORT=$4 ADDRESS=$5 PASSWORD=$6
PATIENCE=30

settings() {
    mkdir -p settings Mail/inbox Mail/sent Mail/draft Mail/queue Mail/trash
    cat >settings/folderlist.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
    <folder type="mh" name="Mail" path="$DIRECTORY/Mail">
        <folderitem type="inbox" name="inbox" path="inbox"/>
        <folderitem type="outbox" name="sent" path="sent"/>
        <folderitem type="draft" name="draft" path="draft"/>
        <folderitem type="queue" name="queue" path="queue"/>
        <folderitem type="trash" name="trash" path="trash"/>
    </folder>
</folderlist>
END
    # STARTTLS for what is sent, TLS from the first octet for what is fetched.
    cat >settings/accountrc <<END
[Account: 1]
account_name=$ADDRESS
is_default=1
name=Somebody at a desktop
address=$ADDRESS
protocol=0
receive_server=localhost
set_popport=1
pop_port=$POP3S_PORT
ssl_pop=1
user_id=$ADDRESS
inbox=#mh/Mail/inbox
ssl_certs_auto_accept=1
remove_mail=0
receive_at_get_all=1
smtp_server=localhost
set_smtpport=1
smtp_port=$SUBMISSION_PORT
ssl_smtp=2
use_smtp_auth=1
smtp_user_id=$ADDRESS
set_domain=1
domain=interop.test
END
    cat >settings/clawsrc <<END
[Common]
config_version=4
enable_aspell=0
show_at_startup=0
warn_queued_on_exit=0
END
    cat >letter <<END
To: $ADDRESS
Subject: From a desktop

Hello,
this was written at a desktop.
.
END
}

claws() {
    claws-mail --alternate-config-dir "$DIRECTORY/settings" "$@"
}

# Waits until the command succeeds.
await() {
    left=$((PATIENCE * 10))
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ "$left" -eq 0 ]; then
            import -window root screenshot.png
            echo "this did not come about, see screenshot.png: $*" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# The window whose title is this, ready for what is typed.
front() {
    await xdotool search --onlyvisible --name "$1"
    xdotool search --onlyvisible --name "$1" windowfocus --sync
}

# The letter has been opened: none is new, none is unread, there is one.
all_read() {
    claws --status "#mh/Mail/inbox" | grep -q "^0 0 1"
}

cd "$DIRECTORY"
settings
export HOME="$DIRECTORY" SSL_CERT_FILE="$CERTIFICATE" LC_ALL=C.UTF-8 NO_AT_BRIDGE=1
Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp 3>display 2>xvfb.log &
screen=$!
trap 'kill "$screen"' EXIT
await test -s display
DISPLAY=:$(cat display)
export DISPLAY

claws >claws.log 2>&1 &
await xdotool search --onlyvisible --name "Claws Mail"
claws --compose-from-file letter
front "From a desktop"
xdotool key ctrl+Return
front "Input password"
xdotool type "$PASSWORD"
xdotool key Return
await test -e Mail/sent/1
claws --receive-all
front "Input password"
xdotool type "$PASSWORD"
xdotool key Return
await test -e Mail/inbox/1
claws --select "#mh/Mail/inbox/1"
front "Claws Mail"
xdotool key Return
await all_read
import -window root screenshot.png
claws --exit
