# A reverse proxy for one scenario: nginx_before PORT BACKEND DIRECTIVES
# shellcheck shell=bash disable=SC2154
nginx_before() {
    cat >nginx.conf <<CONF
daemon off; worker_processes 1; pid nginx.pid; error_log stderr error; user $(id -un);
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server {
        listen 127.0.0.1:$1;
        location / { proxy_pass http://127.0.0.1:$2; $3 }
    }
}
CONF
    serve "$1" nginx -p "$work" -e stderr -c "$work/nginx.conf"
}
