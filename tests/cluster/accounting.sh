# Sourced by start-slurm with SLURM_TEST_ACCOUNTING=1: a database and slurmdbd, so that sacct works.

database_answers() { timeout 2 bash -c '< /dev/tcp/127.0.0.1/6820'; }
accounting_answers() { sacctmgr -n -p list cluster; }

# What mariadb-install-db does, without the client's package that it needs.
make_database() {
    rm -rf "$LIB/database"
    install -d -o slurm -g slurm -m 700 "$LIB/database"
    {
        printf 'CREATE DATABASE mysql;\nUSE mysql;\n' # one statement a line
        cat /usr/share/mysql/mysql_system_tables.sql /usr/share/mysql/mysql_system_tables_data.sql
    } | mariadbd --no-defaults --bootstrap --user=slurm --datadir="$LIB/database" \
        --enforce-storage-engine= --tmpdir=/tmp --log-warnings=0 > "$LOG/mariadb-install.log" 2>&1 ||
        { rm -rf "$LIB/database"; die "making the database failed; see $LOG/mariadb-install.log"; }
}

start_database() {
    local password
    password=$(head -c 18 /dev/urandom | base64 | tr -d '+/=')
    install -o slurm -m 600 /dev/null "$LIB/user.sql"
    cat > "$LIB/user.sql" << END
CREATE DATABASE IF NOT EXISTS slurm_acct_db;
CREATE OR REPLACE USER slurm@'127.0.0.1' IDENTIFIED BY '$password';
CREATE OR REPLACE USER slurm@'localhost' IDENTIFIED BY '$password';
GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';
GRANT ALL ON slurm_acct_db.* TO slurm@'localhost';
END
    put slurmdbd.conf slurm:slurm 600 << END
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
SlurmUser=slurm
PidFile=$RUN/slurmdbd.pid
LogFile=$LOG/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=6820
StorageUser=slurm
StoragePass=$password
END
    setsid mariadbd --no-defaults --user=slurm --datadir="$LIB/database" --port=6820 \
        --bind-address=127.0.0.1 --socket="$RUN/mariadb.sock" --pid-file="$RUN/mariadbd.pid" \
        --init-file="$LIB/user.sql" --log-error="$LOG/mariadb.log" \
        --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
        < /dev/null > /dev/null 2>&1 9>&- &
    wait_for 30 mariadbd database_answers
}

start_accounting() {
    # The bare server: no service, no user of its own, no perl.
    install_packages slurmdbd mariadb-server-core
    [ -d "$LIB/database/mysql" ] || make_database
    alive mariadbd || start_database
    alive slurmdbd || slurmdbd 9>&-
    wait_for 30 slurmdbd accounting_answers
    {
        sacctmgr -i add cluster test
        sacctmgr -i add account test Cluster=test
        sacctmgr -i add user root Account=test
    } >> "$LOG/sacctmgr.log" 2>&1 || true # they are there already
}
