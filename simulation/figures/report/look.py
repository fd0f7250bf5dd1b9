"""The report's CSS and its own script, as texts: colours in light and dark, sorting, drawing with plotly.

Kept in a module, so that no data file must travel with the package. Touches nothing.
"""

CSS = """
:root{color-scheme:light;--page:#f4f4f1;--surface:#fcfcfb;--ink:#0b0b0b;--ink2:#52514e;--muted:#74726b;--grid:#e4e3dc;
--line:#c9c8c0;--equity:#2a78d6;--hold:#8a8881;--price:#6b6a65;--buy:#12875c;--sell:#d2500f;--inventory:#6a56c4;
--fees:#b87a00;--loss:#cf3b3a;--gain:#12875c;--denied:#8c5a2b;--lossfill:rgba(207,59,58,.14);--warn:#fdf1d6;
--warnink:#5c3f00}
:root[data-theme=dark]{color-scheme:dark;--page:#0f0f0e;--surface:#1a1a19;--ink:#fff;--ink2:#c3c2b7;
--muted:#95938a;--grid:#2e2e2b;--line:#44433f;--equity:#4b97ee;--hold:#95938a;--price:#a9a79d;--buy:#27b583;--sell:#f08a4b;
--inventory:#a393f0;--fees:#dda52a;--loss:#ec6c6a;--gain:#27b583;--denied:#c08a52;
--lossfill:rgba(236,108,106,.2);--warn:#37290a;--warnink:#f6dc9c}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1240px;margin:0 auto;padding:24px 20px 60px}
header{display:flex;gap:16px;align-items:flex-start;justify-content:space-between}
h1{font-size:26px;line-height:1.2;margin:0 0 4px}h2{font-size:18px;margin:0 0 10px}h3{font-size:15px;margin:18px 0 6px}
p{margin:0 0 8px}.sub,.note{color:var(--ink2)}.note{font-size:13px}
button{font:inherit;font-size:13px;color:var(--ink2);background:var(--surface);border:1px solid var(--line);
border-radius:6px;padding:5px 12px;cursor:pointer;white-space:nowrap}
section{background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:18px 20px;margin-top:16px}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin-top:18px}
.tile{background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:12px 14px}
.tile b{display:block;font-size:22px;font-weight:600;line-height:1.25}.tile>span,.tile small{color:var(--ink2)}
.tile>span{font-size:13px}.tile small{font-size:12px;display:block}
.up{color:var(--gain)}.down{color:var(--loss)}
.warn{background:var(--warn);color:var(--warnink);border-radius:10px;padding:10px 16px;margin-top:16px}
.warn p{margin:2px 0}
.chart{width:100%}
.scroll{overflow-x:auto}.tall{max-height:460px;overflow-y:auto}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th{font-weight:500;color:var(--ink2)}td.text,th.text,tbody th,.text{text-align:left}
td.text{white-space:normal}thead th{position:sticky;top:0;background:var(--surface);border-bottom:1px solid var(--line)}
.sortable thead th{cursor:pointer;user-select:none}
.sortable thead th[aria-sort=ascending]::after{content:" ▲";font-size:10px}
.sortable thead th[aria-sort=descending]::after{content:" ▼";font-size:10px}
.group th{padding-top:16px;color:var(--ink);font-weight:600}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 40px}
.pairs table{width:auto}
.figures tbody td:nth-child(3){color:var(--ink2)}
pre{overflow:auto;max-height:420px;font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;background:var(--page);
border-radius:8px;padding:12px 14px;margin:0}
ul{margin:0;padding-left:20px}details summary{cursor:pointer;color:var(--ink2);margin:8px 0}
footer{color:var(--muted);font-size:12px;margin-top:20px}
@media(max-width:760px){.tiles{grid-template-columns:repeat(2,1fr)}section{padding:14px 12px}}
@media print{button{display:none}section{break-inside:avoid}.tall{max-height:none}}
"""

THEME_SCRIPT = """
(function(){var t=null;try{t=localStorage.getItem("theme")}catch(e){t=null}
if(!t){var q=location.hash.match(/theme=(light|dark)/);t=q?q[1]:
(matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light")}
document.documentElement.dataset.theme=t})();
"""
"""Runs before anything is seen, so that nothing flashes."""

SCRIPT = """
(function(){
var SETTINGS={responsive:true,displaylogo:false,modeBarButtons:[["zoom2d","pan2d","resetScale2d","toImage"]]};
var charts=JSON.parse(document.getElementById("charts").textContent),root=document.documentElement,busy=false;
function colours(v,css){if(typeof v==="string")return v.slice(0,2)==="--"?css.getPropertyValue(v).trim():v;
if(Array.isArray(v))return typeof v[0]==="number"?v:v.map(function(x){return colours(x,css)});
if(v&&typeof v==="object"){var o={};for(var k in v)o[k]=colours(v[k],css);return o}return v}
function axis(a,c){return Object.assign({gridcolor:c("--grid"),linecolor:c("--line"),zerolinecolor:c("--line"),
tickcolor:c("--line"),zeroline:false,automargin:true,exponentformat:"none",separatethousands:true,tickfont:{color:c("--muted"),size:11}},a,
{title:Object.assign({font:{color:c("--ink2"),size:12},standoff:8},a.title||{})})}
function layout(chart,css){var c=function(n){return css.getPropertyValue(n).trim()};
var l=Object.assign({paper_bgcolor:"rgba(0,0,0,0)",plot_bgcolor:"rgba(0,0,0,0)",margin:{l:70,r:16,t:30,b:36},
font:{color:c("--ink2"),family:"system-ui,-apple-system,Segoe UI,Roboto,sans-serif",size:12},
legend:{orientation:"h",x:0,y:1,xanchor:"left",yanchor:"bottom",font:{color:c("--ink2")},bgcolor:"rgba(0,0,0,0)"},
hoverlabel:{bgcolor:c("--surface"),bordercolor:c("--line"),font:{color:c("--ink"),size:12}},
dragmode:"zoom",modebar:{bgcolor:"rgba(0,0,0,0)",color:c("--hold"),activecolor:c("--equity")},separators:".,"},colours(chart.layout,css));
for(var k in l)if(/^[xy]axis/.test(k))l[k]=axis(l[k],c);return l}
function draw(first){var css=getComputedStyle(root);charts.forEach(function(chart){
var div=document.getElementById(chart.id),l=layout(chart,css);
if(!first&&div.layout&&div.layout.xaxis.range&&chart.linked)l.xaxis.range=div.layout.xaxis.range.slice();
Plotly.react(div,colours(chart.data,css),l,SETTINGS);
if(first&&chart.linked)div.on("plotly_relayout",function(e){follow(chart,e)});
if(!first&&chart.linked)detail(chart)})}
function ms(v){if(typeof v==="number")return v;var s=String(v).replace(" ","T");
return Date.parse((s.length===10?s+"T00:00":s)+"Z")}
function unpack(f){if(f.x)return f;var n=f.v.length,t=f.t[0],v=0;f.x=new Float64Array(n);f.y=new Float64Array(n);
for(var i=0;i<n;i++){if(i)t+=f.t.length===2?f.t[1]:f.t[i];v+=f.v[i];f.x[i]=t;f.y[i]=f.low+v*f.g}return f}
function place(x,t){var a=0,b=x.length;while(a<b){var m=(a+b)>>1;if(x[m]<t)a=m+1;else b=m}return a}
function slice(f,from,to){var x=[],y=[],n=to-from,s=Math.max(1,Math.floor(n/1500));
for(var i=from;i<to;i+=s){var e=Math.min(to,i+s),lo=i,hi=i;
for(var j=i;j<e;j++){if(f.y[j]<f.y[lo])lo=j;if(f.y[j]>f.y[hi])hi=j}
[i,Math.min(lo,hi),Math.max(lo,hi),e-1].forEach(function(k,p,all){if(!p||k>all[p-1]){x.push(f.x[k]);y.push(f.y[k])}})}
return[x,y]}
function detail(chart){var div=document.getElementById(chart.id),r=div.layout.xaxis.range,a=ms(r[0]),b=ms(r[1]);
var home=chart.layout.xaxis.range,zoomed=b-a<(ms(home[1])-ms(home[0]))*.98;
Plotly.react(div,chart.data.map(function(trace,i){
var f=chart.full&&chart.full[trace.name],m=chart.fills&&chart.fills[trace.name];
var x=trace.x,y=trace.y,text=trace.text,lone=trace.mode==="markers",s;
if(zoomed&&m&&place(m[0],b+1)-place(m[0],a)<=400){x=m[0];y=m[1];text=m[2]}
if(zoomed){if(f){unpack(f);x=f.x;y=f.y}
var p=Math.max(0,place(x,a)-(lone?0:1)),q=Math.min(x.length,place(x,b+1)+(lone?0:1));
if(f){s=slice(f,p,q);x=s[0];y=s[1]}else{x=x.slice(p,q);y=y.slice(p,q);text=text&&text.slice(p,q)}}
return Object.assign({},div.data[i],{x:x,y:y},text?{text:text}:{})}),div.layout,SETTINGS)}
function follow(from,e){
if(from.linked&&Object.keys(e).some(function(k){return /^xaxis/.test(k)}))detail(from);
if(busy)return;var u=null;
if(e["xaxis.range[0]"]!==undefined)u={"xaxis.range":[e["xaxis.range[0]"],e["xaxis.range[1]"]]};
else if(e["xaxis.range"])u={"xaxis.range":e["xaxis.range"]};
else if(e["xaxis.autorange"])u={"xaxis.range":from.layout.xaxis.range};
if(!u)return;busy=true;Promise.all(charts.filter(function(c){return c.linked&&(c!==from||e["xaxis.autorange"])})
.map(function(c){return Plotly.relayout(c.id,u)})).then(function(){busy=false},function(){busy=false})}
var button=document.getElementById("theme");
function name(){button.textContent=root.dataset.theme==="dark"?"Light":"Dark"}
button.addEventListener("click",function(){root.dataset.theme=root.dataset.theme==="dark"?"light":"dark";
try{localStorage.setItem("theme",root.dataset.theme)}catch(e){}name();draw(false)});
document.querySelectorAll(".sortable thead th").forEach(function(th){th.tabIndex=0;
function sort(){var body=th.closest("table").tBodies[0],i=th.cellIndex,
down=th.getAttribute("aria-sort")!=="descending";
th.parentNode.querySelectorAll("th").forEach(function(o){o.removeAttribute("aria-sort")});
th.setAttribute("aria-sort",down?"descending":"ascending");
function key(r){var s=r.cells[i].dataset.s;if(s===undefined)return null;var n=Number(s);return isNaN(n)?s:n}
var rows=Array.from(body.rows).map(function(r){return[key(r),r]});
rows.sort(function(a,b){if(a[0]===b[0])return 0;if(a[0]===null)return 1;if(b[0]===null)return-1;
return(a[0]<b[0]?-1:1)*(down?-1:1)});
rows.forEach(function(r){body.appendChild(r[1])})}
th.addEventListener("click",sort);
th.addEventListener("keydown",function(e){if(e.key==="Enter"||e.key===" "){e.preventDefault();sort()}})});
name();draw(true);
})();
"""
