extension LandingPage {
    /// What the page may load: nothing but its own style sheet and the icon in its head. Nobody may
    /// frame it.
    package static let contentSecurityPolicy =
        "default-src 'none'; style-src 'sha256-\(styleHash)'; img-src data:; base-uri 'none'; form-action 'none';"
        + " frame-ancestors 'none'"

    /// The SHA-256 of `style` in Base64. A test computes it anew, and says what it should be.
    static let styleHash = "c7qZcsUdukiKGjR3m234Mwmv/RoeyligIIF8AkSkNVI="

    /// The one style sheet: the same for every page, so that its hash is known.
    ///
    /// Warm colours mean trouble and nothing else; data is teal, indigo, violet, grey and taupe.
    /// Text has a contrast of 4.5 at least, marks of 3, in both schemes.
    static let style: HTML = """
        :root{
        color-scheme:light dark;
        --bg:#fbfbfc;--panel:#fff;--ink:#14171c;--muted:#59616e;--line:#e2e5ea;--code:#f3f4f7;--link:#1d4fb8;
        --cl:#1489a6;--sl:#0a4354;--sr:#9a8c78;--tw:#1f9dbb;--est:#34419c;--oth:#6b7280;--track:#e9ecf1;
        --ground:#f1f2f5;--range:#fff;--edge:#9aa3b2;--res:#a045e0;--tick:#14171c;
        --critical:#bd1528;--warning:#9a5200;--note:#47566f;--ok:#177245;--critbg:#fdf0f0;--warnbg:#fdf5e8
        }
        @media (prefers-color-scheme:dark){
        :root{
        --bg:#0d1015;--panel:#12161d;--ink:#e7eaef;--muted:#9aa3b1;--line:#262c36;--code:#1a202a;--link:#8ab4ff;
        --cl:#43b7d1;--sl:#23809a;--sr:#b0a18a;--tw:#55c8e0;--est:#6272f2;--oth:#8b93a1;--track:#222935;
        --ground:#0a0d11;--range:#171c25;--edge:#4a5466;--res:#bb8cf8;--tick:#f4f6f9;
        --critical:#ff7680;--warning:#eba33c;--note:#9fb0cc;--ok:#4cc38a;--critbg:#2a1518;--warnbg:#271d0e
        }
        }
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{
        margin:0 auto;max-width:1272px;padding:28px 24px 48px;background:var(--bg);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
        font-variant-numeric:tabular-nums
        }
        h1,h2,h3,h4,p,ul,dl,dd,figure{margin:0;padding:0}
        ul{list-style:none}
        a{color:var(--link);text-underline-offset:3px;text-decoration-thickness:1px}
        :focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
        code,pre,.mono,.evidence,.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Noto Sans Mono",
        "DejaVu Sans Mono","Liberation Mono",monospace;font-size:13px}
        .vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
        .skip{position:absolute;left:-999px}
        .skip:focus{left:16px;top:8px;background:var(--panel);padding:6px 10px;z-index:2}
        .num{text-align:right}
        .strong{font-weight:600}
        .quiet{color:var(--muted)}
        .badnum{color:var(--critical);font-weight:600}
        .nb{white-space:nowrap}
        .narrow{display:none}
        .icon{flex:none;display:inline-block;vertical-align:-2px}
        .sign{fill:none;stroke:var(--panel);stroke-width:1.8}
        .ring{fill:none;stroke:currentColor;stroke-width:1.6}
        .host{display:grid;grid-template-columns:1fr auto;align-items:end;gap:6px 24px;padding-bottom:18px}
        .product{color:var(--muted);font-size:13px}
        h1{font-size:30px;line-height:1.15;font-weight:650;letter-spacing:-.015em}
        .verdict{display:flex;align-items:center;gap:8px;font-weight:600;font-size:16px;padding:6px 14px;
        border-radius:999px;border:1px solid currentColor}
        .verdict.critical{color:var(--critical);background:var(--critbg)}
        .verdict.warning{color:var(--warning);background:var(--warnbg)}
        .verdict.ok{color:var(--ok)}
        .verdict.note{color:var(--note)}
        .meta{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:2px 22px;color:var(--muted);font-size:13.5px}
        .tiles{display:grid;grid-template-columns:repeat(4,1fr);border:1px solid var(--line);border-radius:10px;
        background:var(--panel)}
        .tile{padding:16px 20px 15px;border-left:1px solid var(--line);display:flex;flex-direction:column}
        .tile:first-child{border-left:0}
        dt{color:var(--muted);font-size:13.5px}
        .value{font-size:32px;line-height:1.25;font-weight:620;letter-spacing:-.02em}
        .unit{font-size:18px;font-weight:500;color:var(--muted)}
        .detail{font-size:13.5px;color:var(--muted)}
        .tile.critical .value,.tile.critical .detail{color:var(--critical)}
        .tile.warning .value{color:var(--warning)}
        .gauge{display:block;margin:9px 0 1px}
        .track{fill:var(--track)}
        .fill{fill:var(--est)}
        .warning .fill{fill:var(--warning)}
        .critical .fill{fill:var(--critical)}
        section{margin-top:40px}
        main>section:first-child{margin-top:0}
        h2{font-size:19px;font-weight:640;letter-spacing:-.01em;margin-bottom:14px}
        h2 span,caption span{font-weight:400;font-size:14px;color:var(--muted);letter-spacing:0;margin-left:8px}
        .finding{background:var(--panel);border:1px solid var(--line);border-left:4px solid var(--tone);
        border-radius:8px;margin-bottom:12px;padding:14px 20px 16px}
        .critical{--tone:var(--critical)}
        .warning{--tone:var(--warning)}
        .note{--tone:var(--note)}
        .finding header{display:flex;align-items:baseline;gap:12px;margin-bottom:9px}
        .sev{color:var(--tone);font-size:12.5px;font-weight:650;text-transform:uppercase;letter-spacing:.05em;
        white-space:nowrap;display:flex;gap:7px;align-items:center}
        h3{font-size:16.5px;line-height:1.35;font-weight:620;flex:1}
        .id{font-size:12.5px;white-space:nowrap}
        .cols{display:grid;grid-template-columns:minmax(0,9fr) minmax(0,12fr);gap:10px 32px}
        .evidence{color:var(--ink);margin-bottom:8px;line-height:1.55;overflow-wrap:anywhere}
        h1,h3,.svcname,.mono,.list,.detail{overflow-wrap:anywhere}
        .evidence li{padding-left:2ch;text-indent:-2ch}
        .finding.note{padding:10px 20px}
        .note details{margin:0}
        .note .id{float:right;margin-top:3px}
        .note summary{display:flex;gap:12px;align-items:baseline;color:var(--ink);margin:0;width:auto;
        list-style:none}
        .note summary::-webkit-details-marker{display:none}
        .note summary h3{font-weight:520;font-size:15.5px;flex:none}
        .note summary::after{content:"show";color:var(--link);font-size:13.5px}
        .note [open] summary{margin-bottom:8px}
        .note [open] summary::after{content:"hide"}
        .what p{max-width:64ch}
        .not{margin-top:8px;color:var(--muted)}
        .not strong{color:var(--ink);font-weight:600}
        .step{display:grid;grid-template-columns:62px minmax(0,1fr);gap:5px 14px;margin-bottom:10px}
        h4{font-size:13.5px;font-weight:600;color:var(--muted);padding-top:1px}
        .step>*{grid-column:2}
        .step>h4{grid-column:1;grid-row:1}
        pre{margin:0;padding:8px 12px;background:var(--code);border-radius:6px;overflow-x:auto;line-height:1.5}
        pre code{user-select:all}
        .passed{display:flex;gap:10px;color:var(--muted);padding:10px 0 0 2px;max-width:120ch}
        .passed .icon{color:var(--ok);margin-top:3px}
        .passed strong{color:var(--ink);font-weight:600}
        .passed>div{min-width:0}
        .passed details{margin-top:2px}
        .unseen .icon{color:var(--note)}
        .unseen li{padding-left:2ch;text-indent:-2ch}
        .unseen pre{margin-top:6px}
        .others .sev{display:inline;margin-right:6px}
        .charts{display:grid;grid-template-columns:repeat(4,1fr);gap:20px 28px}
        figcaption{display:flex;justify-content:space-between;align-items:baseline;margin-bottom:10px;
        font-size:14px}
        .now{font-weight:600;font-size:16px}
        .plot{display:block;overflow:visible;padding-left:44px}
        .grid line{stroke:var(--line)}
        .axis text{fill:var(--muted);font-size:12px}
        .chart .line{fill:none;stroke-width:1.75;vector-effect:non-scaling-stroke;stroke-linejoin:round}
        .area{opacity:.14}
        .line.tw{stroke:var(--cl)}
        .area.tw{fill:var(--cl)}
        .line.est{stroke:var(--est)}
        .area.est{fill:var(--est)}
        .rule{stroke:var(--muted);stroke-dasharray:4 4}
        .rulelabel{fill:var(--muted);font-size:12px}
        .minmax{color:var(--muted);font-size:12.5px;padding-left:44px}
        table{border-collapse:collapse;width:100%;font-size:14.5px}
        caption{text-align:left;font-weight:600;font-size:15px;padding-bottom:6px}
        th{text-align:left;font-weight:500}
        thead th{color:var(--muted);font-size:13px;border-bottom:1px solid var(--line);padding:5px 0 5px 18px;
        vertical-align:bottom}
        td,tbody th{padding:6px 0 6px 18px;border-bottom:1px solid var(--line);vertical-align:middle}
        tr>:first-child{padding-left:0}
        th.num{text-align:right}
        tbody th.num{font-weight:600}
        .ports tr>:first-child{width:54px}
        .svc>div{display:flex;align-items:center;gap:14px}
        .svcname{flex:0 0 190px;overflow-wrap:anywhere}
        .bar{display:block;flex:1;min-width:40px}
        .ports .num:nth-child(n+3){width:104px}
        .ports .wide{white-space:nowrap}
        .cl{fill:var(--cl)}
        .sl{fill:var(--sl)}
        .sr{fill:var(--sr)}
        .tw{fill:var(--tw)}
        .est{fill:var(--est)}
        .oth{fill:var(--oth)}
        .bar rect{stroke:var(--bg);stroke-width:1}
        .bar .track,.dest .bar rect{stroke:none}
        .half{stroke:var(--muted);stroke-width:1}
        .tag{display:inline-block;white-space:nowrap;font-size:12px;font-weight:600;margin-left:8px;padding:1px 7px;
        border-radius:999px;border:1px solid currentColor}
        .warn{color:var(--warning);--tone:var(--warning)}
        .bad{color:var(--critical);--tone:var(--critical)}
        .addr{font-weight:500}
        .addr>div{display:flex;align-items:center;gap:14px}
        .addr span{flex:0 0 258px;overflow-wrap:anywhere}
        .addr small{display:inline-block;color:var(--muted);font-size:13px;margin-left:6px;font-weight:400}
        .dest .num{width:94px;white-space:nowrap}
        .dest .num:last-child{width:112px}
        .legend{display:flex;flex-wrap:wrap;gap:4px 22px;font-size:13.5px;color:var(--muted);margin-bottom:8px}
        .legend li{display:flex;align-items:center;gap:8px}
        .swatch{flex:none}
        .pair{display:grid;grid-template-columns:minmax(0,7fr) minmax(0,5fr);gap:28px 44px}
        .scroll{overflow-x:auto}
        tr:target{background:var(--warnbg)}
        .mono{min-width:8.5em}
        .mono div+div{color:var(--muted)}
        .how{max-width:104ch;color:var(--muted);margin-bottom:34px}
        .how b{color:var(--ink);font-weight:600}
        .mapgrid{display:grid;grid-template-columns:minmax(0,1fr) 168px;gap:28px}
        .mapbox{padding-left:48px}
        .map{display:block;overflow:visible}
        .ground{fill:var(--ground)}
        .range{fill:var(--range)}
        .edge{fill:none;stroke:var(--edge);stroke-width:1;vector-effect:non-scaling-stroke}
        .dots use{fill:none;stroke-width:.4}
        .dots .e{transform:translateY(.28px)}
        .dots .o{transform:translateY(.72px)}
        .dots .tw{stroke:var(--tw)}
        .dots .est{stroke:var(--est)}
        .dots .oth{stroke:var(--oth)}
        .dots .res{stroke:var(--res);stroke-width:.2}
        .shift{transform:translateX(.5px)}
        .tick{fill:none;stroke:var(--tick);stroke-width:2;vector-effect:non-scaling-stroke}
        .tickhit path{fill:none;stroke:transparent;stroke-width:9;vector-effect:non-scaling-stroke;
        pointer-events:stroke}
        .blocks path{fill:transparent}
        .blocks path:hover{fill:var(--ink);fill-opacity:.12}
        .vgrid line{stroke:var(--edge);stroke-opacity:.28}
        .axis line{stroke:var(--edge)}
        .flag{fill:none;stroke:var(--tick);stroke-width:4}
        .flag.warn{stroke:var(--warning)}
        .tick.flag{stroke-width:3}
        .cross{fill:none;stroke:var(--critical);stroke-width:2.6}
        .hit{fill:transparent}
        .tickf{fill:var(--tick)}
        .resf{fill:var(--res)}
        .name{fill:var(--tone);font-size:12.5px;font-weight:650}
        .chip{fill:var(--panel);stroke:var(--tone)}
        .lead{stroke:var(--tone);stroke-width:1.5}
        .rangename{fill:var(--muted);font-size:12.5px;paint-order:stroke;stroke:var(--ground);stroke-width:4px;
        stroke-linejoin:round}
        .maplegend{flex-direction:column;flex-wrap:nowrap;gap:11px;color:var(--ink);margin:0}
        .maplegend li{align-items:flex-start}
        .maplegend .swatch{margin-top:4px}
        .maplegend small{display:block;color:var(--muted);font-size:13px}
        details{margin-top:18px}
        summary{cursor:pointer;color:var(--link);width:max-content;margin-bottom:8px}
        .list{color:var(--muted)}
        footer{margin-top:44px;padding-top:16px;border-top:1px solid var(--line);display:flex;flex-wrap:wrap;
        justify-content:space-between;gap:8px 28px;color:var(--muted);font-size:13.5px}
        footer ul{display:flex;flex-wrap:wrap;gap:4px 22px}
        @media (max-width:1100px){
        .charts{grid-template-columns:1fr 1fr}
        .tiles{grid-template-columns:1fr 1fr}
        .tile:nth-child(3){border-left:0}
        .tile:nth-child(n+3){border-top:1px solid var(--line)}
        .cols,.pair,.mapgrid{grid-template-columns:minmax(0,1fr)}
        .maplegend{flex-direction:row;flex-wrap:wrap;gap:8px 22px}
        }
        @media (max-width:900px){
        .svc>div{flex-direction:column;align-items:stretch;gap:4px}
        .svcname{flex:none}
        .bar{flex:none}
        .addr>div{flex-direction:column;align-items:stretch;gap:4px}
        .addr span{flex:none}
        .addr small{display:block;margin:0}
        .note .id{float:none;display:block;text-align:right}
        .note summary{flex-wrap:wrap;gap:2px 12px}
        .note summary h3{flex:1 0 100%}
        .note summary::after{order:-1}
        .note .sev{flex:1;order:-2}
        }
        @media (max-width:640px){
        body{padding:18px 16px 36px}
        .host{grid-template-columns:1fr}
        .verdict{justify-self:start}
        .wide{display:none}
        .narrow{display:inline}
        .charts{grid-template-columns:1fr}
        .tile{padding:12px 14px}
        .tile .detail{flex:1}
        .tile dd{display:flex;flex-direction:column;flex:1}
        .value{font-size:27px}
        .finding{padding:12px 14px 14px}
        .finding header{flex-wrap:wrap;gap:4px 12px}
        h3{flex:1 0 100%}
        .sev{flex:1}
        .finding .id{order:-1;margin-left:auto}
        .sev{order:-2}
        .step{grid-template-columns:1fr}
        .step>*{grid-column:1}
        .step>h4{grid-row:auto}
        td,tbody th,thead th{padding-left:10px}
        .ports .num:nth-child(n+3){width:auto}
        .ports tr>:first-child{width:44px}
        .dest .num,.dest .num:last-child{width:auto}
        caption span{display:block;margin:0}
        h2 span{display:block;margin:0}
        .mapbox{padding-left:44px}
        }
        @media (max-width:360px){
        body{padding:14px 12px 28px}
        table{font-size:13.5px}
        td,tbody th,thead th{padding-left:7px}
        }
        @media print{
        .finding,.chart,table,.mapbox{break-inside:avoid}
        .skip{display:none}
        }

        """
}
