import type { OutcomeRec } from '../trace/records';
import type { Dictionary, Verdict } from './types';
import { why } from './zh.why';

const END = { client: '客户端', server: '服务器' } as const;

/** 与跟踪文件中的英文句子一一对应，见 src/model/change.c 的 verdict_format()。 */
function headline(o: OutcomeRec): string | undefined {
  const sentence = verdictOf(o);
  return sentence && sentence + causeOf(o);
}

function causeOf(o: OutcomeRec): string {
  const l = `L${o.listener ?? '?'}`;
  const dropped = `${o.verdict === 'no-answer' ? 'SYN' : 'ACK'} 被丢弃了 ${o.drops ?? 0} 次。`;
  switch (o.cause) {
    case 'accept-queue-full': return `${l} 的 accept 队列已满，它的 ${dropped}`;
    case 'syn-queue-full': return `${l} 的 SYN 队列已满，它的 ${dropped}`;
    case 'listener-dropped': return `它的 ${dropped}`;
    case 'listener-closed': return `监听套接字 ${l} 在 accept() 取走该连接之前就关闭了。`;
    case 'no-listener': return '该端口上无人监听。';
    default: return '';
  }
}

function verdictOf(o: OutcomeRec): string | undefined {
  const by = o.closed_by;
  const first = by && END[by];
  const other = by && END[by === 'client' ? 'server' : 'client'];
  const final = `客户端 ${o.final?.client ?? 'UNKNOWN'}，服务器 ${o.final?.server ?? 'UNKNOWN'}`;
  switch (o.verdict as Verdict) {
    case 'closed-normally':
      if (!by) return '正常关闭：双方都发出了 FIN。';
      return `正常关闭：${first}先关闭${o.final?.[by] === 'TIME-WAIT' ? '，正在 TIME-WAIT 等待'
        : (o.durations?.[by]?.['TIME-WAIT'] ?? 0) > 0 ? '，并已走完 TIME-WAIT' : ''}。`;
    case 'closed-both': return '双方同时关闭：各自都在收到对方的 FIN 之前发出了自己的 FIN。';
    case 'still-open': return `最后看到时仍然打开：${final}。`;
    case 'half-closed': return by ? `半关闭：${first}已发出 FIN，${other}还没有关闭（${o.final?.[by === 'client' ? 'server' : 'client'] ?? 'UNKNOWN'}）。` : '半关闭：一端已发出 FIN，另一端还没有。';
    case 'closing': return `最后看到时仍在关闭：双方都已发出 FIN（${final}）。`;
    case 'refused': return '被拒绝：客户端的 SYN 得到了 RST 回应。';
    case 'reset-by-client':
    case 'reset-by-server': {
      const a = o.verdict === 'reset-by-client' ? 'client' : 'server';
      return by ? `被重置：${END[a]}在${by === a ? '自己' : first}的 FIN 之后发出了 RST。` : `被重置：${END[a]}用 RST 异常中止了连接。`;
    }
    case 'timed-out': return `超时：重传或保活探测始终没有得到应答（${final}）。`;
    case 'no-answer': return '无应答：客户端的 SYN 没有得到 SYN,ACK。';
    case 'handshake-incomplete': return '握手未完成：服务器应答了 SYN，但始终没有接受对它的 ACK。';
    case 'midstream': return '中途开始：跟踪开始前连接已经打开，也没有看到它结束。';
    case 'unknown': return '看到的信息不足，无法判断它如何结束。';
    default: return undefined;
  }
}

export const zh: Dictionary = {
  ui: {
    open: '打开跟踪文件…', sample: '查看示例', close: '关闭', cancel: '取消', copy: '复制',
    copied: '已复制', drop: '松开即可打开',
    emptyTitle: '亲眼看 TCP 状态机如何运转',
    emptyLead: '一条连接两端的每个报文、每次系统调用、每次状态迁移，都放在同一条时间轴上，并说明其原因。',
    orDrop: '也可以把 .ndjson 或 .ndjson.gz 文件拖到本页任意位置',
    recordYours: '自己录一份',
    recordHint: 'COMMAND 会在独立的网络命名空间中运行：看不到、也不会影响其他任何流量。',
    nothingLeaves: '数据不会离开这台电脑：页面直接读取文件，没有任何服务器接收它。',
    trySample: '第一次使用？示例是一条完整的连接：建立、三条消息、关闭。',
    language: '语言', theme: { auto: '跟随系统', light: '浅色主题', dark: '深色主题' }, help: '帮助与快捷键',
    connections: '连接', ladder: '时序图', machine: '状态机', why: '为什么？', queues: '监听队列', legend: '图例',
    filter: '筛选', filterHint: 'state:TIME-WAIT port:443 comm:curl …', clearFilter: '清除筛选',
    filterNone: '没有符合筛选条件的连接。',
    shown: (n, all) => `${n} / ${all}`, stats: (e, c) => `${e} 条记录 · ${c} 条连接`,
    first: '第一个事件', prev: '上一个事件', play: '播放', pause: '暂停', next: '下一个事件', last: '最后一个事件',
    prevState: '上一次状态迁移', nextState: '下一次状态迁移', speed: '速度', perSecond: (n) => `每秒 ${n} 个`,
    position: (i, of) => `第 ${i} / ${of} 个事件`, time: '时间', state: '状态', 
    live: '实时', followOn: '跟随中', followOff: '跟随', sampleName: '内置示例', liveName: '实时跟踪',
    loading: '正在读取', noConnections: '还没有看到任何连接。', noListener: '这份跟踪里没有监听套接字。',
    noSelection: '选择一条连接，查看它的报文。', noEvent: '选择一个事件，查看它的含义。',
    idle: (s) => `空闲 ${s}`, notYet: '尚未开始', inferredLane: '由报文推断', 
    left: (s) => `剩余 ${s}`, expired: '已到期', synQueue: 'SYN 队列', acceptQueue: 'accept 队列', drops: (n) => `丢弃 ${n}`, full: '已满',
    listenerOf: (o) => `监听者：${o}`, closedListener: '已关闭', cause: '起因', causeOf: (t) => `起因：${t}`,
    noEdge: '图 5 中没有这条边', wireSays: '此处由报文推断出',
    jump: (n) => `跳到记录 ${n}`, tableHint: '该连接的事件，按时间排列。用方向键移动光标。',
    queueHint: '队列深度随时间的变化。点击可移动光标。', lostHere: (n) => `此处丢失 ${n} 个事件`,
    connName: (n) => `连接 ${n}`, firstSeen: '首次出现', before: '在跟踪开始之前就已存在',
    assumedRoles: '哪一端是客户端只是推测', retransmitted: (n) => `重传 ${n} 次`,
    sent: '发送', segments: (n) => `${n} 个报文段`, duration: '时长', timeIn: '各状态停留时间', 
    shortcuts: '快捷键', singleKeys: '启用单字母快捷键', narrow: '面板',
    stateStays: (s) => `仍为 ${s}`, timerSet: (s) => `启动，时限 ${s}`, timerFired: '到期', timerCancelled: '已取消',
    save: '保存报告', saveHint: '把本页连同跟踪数据和你的标记保存为一个文件，便于留存或提交',
    sortBy: '列表顺序', sorts: { start: '按开始时间', duration: '时间最长', bytes: '字节最多', problems: '异常最多' },
    filterKeys: {
      state: '光标处的状态', ever: '曾经处于的状态', port: '任一端的端口', addr: '地址的一部分',
      comm: '进程名', outcome: '结局', problem: '出了什么问题', listener: '监听套接字的编号',
    },
    goTo: '跳到时刻', goToHint: '距跟踪开始的秒数，例如 1.25', badTime: '不是时刻：请输入秒数，例如 1.25', prevProblem: '上一个异常', nextProblem: '下一个异常',
    overview: '总览', overviewHint: '整份跟踪：事件的疏密、异常的位置、当前可见的范围。点击或拖动可移动光标。',
    timeScale: '按时间比例', timeScaleHint: '各行的间距与时间成正比；否则等距排列，并折叠空闲时间',
    zoomIn: '放大', zoomOut: '缩小', fit: '整条连接', timers: '定时器', openSoFar: (c, s) => `目前仍打开：客户端 ${c}，服务器 ${s}。`, rst: { sent: '发出 RST', received: '收到 RST' }, otherTrace: '网址指向的是另一份跟踪里的位置；现从头显示这一份。',
    kernelSays: '内核：', packetsSay: '报文：', mark: '标记', note: '给这个事件写备注', marks: (n) => `标记（${n}）`,
    panelFailed: '这个面板出错了，其他面板不受影响。', tryAgain: '重试',
  },
  label: { client: '客户端', server: '服务器' },
  end: { client: { mid: '客户端', start: '客户端' }, server: { mid: '服务器', start: '服务器' } },
  keys: [
    ['← →', '本连接的上一个、下一个事件'], ['Shift ← →', '上一次、下一次状态迁移'],
    ['[ ]', '上一个、下一个异常'], ['Home End', '第一个、最后一个事件'], ['↑ ↓ · P N', '上一条、下一条连接'],
    ['空格', '播放、暂停'], ['/', '筛选'], ['G', '跳到某个时刻'], ['T', '按时间比例显示，或等距显示'], ['W S', '放大、缩小（按比例时）'], ['F', '整条连接'], ['E', '查看解释'], ['M', '标记'], ['L', '跟随实时跟踪'], ['?', '本帮助'], ['Esc', '关闭、清除、停止'],
  ],
  problems: {
    empty: '文件是空的，连文件头都没有。',
    notTrace: (head) => `这不是 tcplens 的跟踪文件。第一行应当是带有 "format":"tcplens-trace" 的文件头，而这个文件的开头是：${head}`,
    version: (found) => `这份跟踪的格式版本是 ${found}，本页只能读版本 1。请用录制它的那个 tcplens 自带的查看器打开。`,
    capture: '这是抓包文件，不是跟踪文件。先用下面的命令转换，再打开结果：',
    captureRun: '不需要 root 权限。',
    unreadable: (m) => `无法读取文件：${m}`,
    malformed: (n, line, why) => `有 ${n} 行已损坏，已跳过；第一处在第 ${line} 行（${why}）。`,
    truncated: '跟踪不完整：缺少最后一行的 end 记录。已读到的内容照常显示，之后的事件不在文件里。',
    stopped: '已停止读取：这份跟踪还有未显示的内容。',
    gap: (n, times) => `录制时丢失了 ${n} 个事件${times > 1 ? `（共 ${times} 处）` : ''}，附近的事件可能找不到起因。`,
    tooLarge: (n) => `跟踪太大，本页容纳不下：只显示前 ${n} 条记录。`,
    longConn: (n) => `此连接太长，无法全部排列：只显示最新的 ${n} 条记录。`,
    missing: (s, w) => `观察来源“${s}”未能参与：${w}`,
    liveConnecting: '正在连接实时跟踪…',
    liveLost: '与实时跟踪的连接已断开。已收到的数据仍保留，浏览器会不断尝试从断点继续。',
    liveRefused: '无法连接实时跟踪。请确认 tcplens 仍在运行，并且地址完整（包括其中的 token）。',
    liveEnded: '跟踪已结束，不会再有新的事件。',
    liveDropped: (n) => `由于本页处理太慢，服务器略去了 ${n} 条记录。`,
    saveFailed: (why) => `无法生成报告：${why}`,
    cannotOpen: (name) => `无法显示 ${name}`,
  },
  verdict: {
    'closed-normally': '正常关闭', 'closed-both': '双方同时关闭', 'still-open': '仍然打开',
    'half-closed': '半关闭', 'closing': '正在关闭', 'refused': '被拒绝', 'reset-by-client': '客户端重置',
    'reset-by-server': '服务器重置', 'timed-out': '超时', 'no-answer': '无应答', 'handshake-incomplete': '握手未完成',
    'midstream': '中途开始', 'unknown': '未知',
  },
  headline,
  evidence: {
    acked: '双方的所有字节以及 FIN 都得到了确认。',
    dropped: (n) => `由于队列已满，监听端丢弃了它的 ${n} 个报文段。`,
    reason: (a, text) => `${a}内核给出的重置原因：${text}`,
  },
  terms: {
    'retransmission': '重传', 'fast-retransmission': '快速重传', 'spurious-retransmission': '伪重传', 'out-of-order': '乱序',
    'duplicate-ack': '重复 ACK', 'lost-segment': '前一报文段未捕获', 'acked-unseen': '确认了未捕获的数据', 'zero-window': '零窗口',
    'zero-window-probe': '零窗口探测', 'zero-window-probe-ack': '零窗口探测的 ACK', 'window-full': '窗口已满', 'window-update': '窗口更新',
    'keep-alive': '保活探测', 'keep-alive-ack': '保活探测的 ACK', 'port-reuse': '端口重用', 'bad-checksum': '校验和错误',
    'time-wait': 'TIME-WAIT 定时器', 'fin-wait-2': 'FIN-WAIT-2 定时器', 'syn-ack': 'SYN,ACK 重传定时器', 'retransmit': '重传定时器', 'keepalive': '保活定时器',
    'reused': '端口被新连接使用', 'reset': '收到 RST', 'removed': '被内核移除',
    'syn': '收到 SYN', 'established': '握手完成', 'accept': '已被 accept()', 'overflow': '队列溢出', 'cookie': 'SYN cookie 应答', 'expired': '请求超时',
    'dropped': '请求被移除', 'closed': '监听已关闭', 'sample': '定期读取',
  },
  states: {
    'CLOSED': '没有连接，内核不保存任何信息。',
    'LISTEN': '套接字正在等待任何人发来 SYN。',
    'SYN-SENT': '已发出 SYN，等待应答。',
    'SYN-RECEIVED': '收到 SYN 并已应答，等待完成握手的 ACK。',
    'ESTABLISHED': '连接已建立，双向都可以传输数据。',
    'FIN-WAIT-1': '先行关闭，自己的 FIN 还没有得到确认。',
    'FIN-WAIT-2': '自己的 FIN 已被确认，等待对方也关闭。',
    'CLOSE-WAIT': '对方已关闭，等待本端应用程序调用 close()。',
    'CLOSING': '双方同时关闭，等待自己的 FIN 被确认。',
    'LAST-ACK': '后关闭的一方，等 FIN 被确认后即告结束。',
    'TIME-WAIT': '已经结束，但还要等待 2MSL，以免迟到的报文干扰新连接。',
    'UNKNOWN': '还没有看到这一端的任何信息。',
  },
  groups: { idle: '未连接', opening: '正在建立', open: '已建立', active: '关闭中（主动方）', passive: '关闭中（被动方）', wait: '等待 2MSL' },
  how: {
    observed: '发生时直接观察到', sampled: '定期读取套接字表得到', inferred: '由报文推断', assumed: '为解释后续事件而假定',
    predicted: '预测：没有看到定时器到期',
  },
  source: { kernel: '内核（eBPF）', diag: '内核（套接字表）', wire: '报文' },
  kinds: {
    header: '文件头', connection: '连接', state: '状态迁移', object: '内核对象', segment: '报文段', call: '系统调用',
    listener: '监听', queue: '队列', timer: '定时器', reset: '重置', disagreement: '说法不一', gap: '丢失的事件', outcome: '结局', end: '结束',
  },
  why,
};
