"""Sockets and networks of an unusual kind: what the page makes of them."""


def test_transparently_proxied_connections_are_neither_clients_nor_destinations(new_host, tmp_path):
    host, client = new_host(), new_host()
    host.connect_with(client, "10.9.0.1/24", "10.9.0.2/24")
    client.ip("route add default via 10.9.0.1")
    host.ip("rule add fwmark 1 lookup 100")
    host.ip("route add local 0.0.0.0/0 dev lo table 100")
    host.sysctls({"ip_forward": 1, "conf/all/rp_filter": 0, "conf/veth0/rp_filter": 0})
    host.do(
        "rules = '''table ip proxy { chain pre { type filter hook prerouting priority mangle; "
        "iif veth0 tcp dport 40000 tproxy to :15001 meta mark set 1 accept; }; }'''\n"
        "run(['nft', '-f', '-'], input=rules)\n"
        "proxy = listen('0.0.0.0', 15001, transparent=True)"
    )
    with host.exporter(tmp_path) as exporter:
        client.do("clients = [connect('203.0.113.' + str(number), 40000) for number in range(1, 41)]")
        host.do("accepted = [proxy.accept()[0] for _ in range(40)]")
        assert host.do("result = accepted[0].getsockname()[1]") == 40000
        page = exporter.fresh()
        # Only the connection that asks for pages.
        assert page.get("timewait_destinations") == 1
        assert page.sum("timewait_ephemeral_ports_used") == 1
        host.do("for connection in accepted: connection.shutdown(socket.SHUT_WR)")
        client.do("for connection in clients: connection.recv(1); connection.close()")
        host.do("for connection in accepted: connection.recv(1); connection.close()")
        page = exporter.fresh()
        assert page.get("timewait_sockets", role="other", peer="remote") == 40
        assert page.sum("timewait_sockets") == 40
        assert page.get("timewait_destinations") == 1


def test_a_route_for_transparent_proxies_makes_no_peer_local(new_host, tmp_path):
    host, client = new_host(), new_host()
    host.connect_with(client, "10.9.0.1/24", "10.9.0.2/24")
    host.ip("rule add fwmark 1 lookup 100")
    host.ip("route add local 0.0.0.0/0 dev lo table 100")
    # Prefixes that are local as a whole.
    host.ip("route add local 10.1.0.0/16 dev lo")
    host.ip("-6 route add local 2001:db8:1::/48 dev lo")
    client.do("remote = listen('10.9.0.2', 8080)")
    host.do("service = listen('0.0.0.0', 8080); service6 = listen('::1', 8081); any6 = listen('::', 8082, v6only=True)")
    for source in ("auto", "procfs"):
        with host.exporter(tmp_path, f"--sampler.source={source}") as exporter:
            host.do(
                "for address, listener in [('10.1.2.3', service), ('127.0.0.1', service)]:\n"
                "    client = connect(address, 8080); close(client, listener.accept()[0])\n"
                "client = connect('2001:db8:1::7', 8082); close(client, any6.accept()[0])\n"
                "clients = [connect('10.9.0.2', 8080) for _ in range(20)]\n"
                "for client in clients: client.shutdown(socket.SHUT_WR)"
            )
            client.do("for _ in range(20):\n    server = remote.accept()[0]; server.recv(1); server.close()")
            host.do("for client in clients: client.recv(1); client.close()")
            page = exporter.fresh()
            round = 1 if source == "auto" else 2
            assert page.get("timewait_sockets", role="client", peer="remote") == 20 * round
            assert page.get("timewait_sockets", role="client", peer="local") == 3 * round
            assert page.get("timewait_port_sockets", port=8080, role="client", peer="local") == 2 * round


def test_one_link_local_address_on_two_links_is_two_destinations(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40099")
    peers = [new_host(), new_host()]
    links = [host.connect_with(peer, f"fe80::{number}:1/64", "fe80::2/64")[0] for number, peer in enumerate(peers, 1)]
    for peer in peers:
        peer.do("listener = listen('::', 9000)")
    with host.exporter(tmp_path) as exporter:
        for link in links:
            host.do(
                "clients = globals().get('clients', [])\n"
                "clients += [connect('fe80::2', 9000, scope=socket.if_nametoindex(link)) for _ in range(60)]",
                link=link,
            )
        page = exporter.fresh()
        for number, link in enumerate(links, 1):
            assert (
                page.get(
                    "timewait_destination_ports_used",
                    source_address=f"fe80::{number}:1%{link}",
                    destination_address=f"fe80::2%{link}",
                    destination_port=9000,
                    state="live",
                )
                == 60
            )
        assert page.get("timewait_destination_ports_used_max") == 60
        assert page.get("timewait_destination_exhaustion_seconds") > 0


def test_bound_to_interfaces_the_same_address_is_two_destinations(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40099")
    peers = [new_host(), new_host()]
    links = [host.connect_with(peer, f"10.{number}.0.1/24", "10.9.0.2/24")[0] for number, peer in enumerate(peers, 1)]
    host.sysctls({"conf/all/rp_filter": 0, **{f"conf/{link}/rp_filter": 0 for link in links}})
    for number, (link, peer) in enumerate(zip(links, peers), 1):
        host.ip(f"route add 10.9.0.0/24 dev {link} table {number + 50}")
        host.ip(f"rule add oif {link} lookup {number + 50}")
        peer.ip(f"route add 10.{number}.0.0/24 dev veth0")
        peer.do("listener = listen('10.9.0.2', 9000)")
    with host.exporter(tmp_path) as exporter:
        for link in links:
            host.do(
                "clients = globals().get('clients', [])\n"
                "clients += [connect('10.9.0.2', 9000, device=link) for _ in range(40)]",
                link=link,
            )
        page = exporter.fresh()
        used = page.all("timewait_destination_ports_used", state="live", destination_port=9000)
        assert sorted((labels["destination_address"], value) for labels, value in used) == [
            (f"10.9.0.2%{link}", 40) for link in links
        ]


def test_what_a_service_does_not_close_and_accept_is_on_the_page(new_host, tmp_path):
    host = new_host()
    host.do(
        "service = listen('127.0.0.1', 8080, backlog=7); more = listen('127.0.0.2', 8080, backlog=100)\n"
        "waiting = [connect('127.0.0.1', 8080) for _ in range(3)]\n"
        "closed = [connect('127.0.0.2', 8080) for _ in range(5)]; left = [more.accept()[0] for _ in range(5)]\n"
        "for client in closed: client.close()"
    )
    with host.exporter(tmp_path) as exporter, host.exporter(tmp_path, "--sampler.source=procfs", port=10058) as other:
        rows = [row.split() for row in host.run("ss", "-Hltn").splitlines()]
        limit = sum(int(row[2]) for row in rows if row[3].endswith(":8080"))
        for page in exporter.fresh(), other.fresh():
            assert page.get("timewait_port_close_wait", port=8080) == 5
            assert page.get("timewait_port_accept_queue", port=8080) == 3
        assert limit == 107
        assert exporter.page().get("timewait_port_accept_queue_limit", port=8080) == limit
        assert other.page().all("timewait_port_accept_queue_limit") == []
