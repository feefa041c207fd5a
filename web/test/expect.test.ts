import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries } from '../src/i18n';
import { expectText } from '../src/kinds/expect-text';

const { en, zh } = dictionaries;

test('what a check of a lab expected is told in words, in both languages', () => {
  for (const [expected, english, chinese] of [
    ['state conn=b end=server to=ESTABLISHED source=kernel|diag, then lab actor=server op=accept',
      'state change (connection of b, at the server, to ESTABLISHED, Witness kernel or diag), then lab (Actor server, does accept)',
      '状态迁移（连接方 b，端 server，变为 ESTABLISHED，来源 kernel 或 diag），然后实验（角色 server，操作 accept）'],
    ['lab actor=b op=connect errno=ETIMEDOUT duration_ns={"ge":1900000000}', 'lab (Actor b, does connect, error ETIMEDOUT, took at least 1.90\u00a0s)', '实验（角色 b，操作 connect，错误 ETIMEDOUT，耗时 至少 1.90\u00a0s）'],
    ['segment conn=client from=client flags=["FIN","ACK"], then segment conn=client from=server len={"ge":1,"le":9}',
      'segment (connection of client, from client, flags FIN,ACK), then segment (connection of client, from server, Payload at least 1, at most 9)',
      '报文段（连接方 client，发自 client，标志 FIN,ACK），然后报文段（连接方 client，发自 server，数据长度 至少 1，至多 9）'],
    ['no segment conn=b from=server', 'no segment (connection of b, from server)', '没有报文段（连接方 b，发自 server）'],
    ['at least 2 × segment conn=b flags=["SYN"]', 'at least 2 × segment (connection of b, flags SYN)', '至少 2 个报文段（连接方 b，标志 SYN）'],
    ["the server's end of b's connection goes through SYN-RECEIVED CLOSED", "the server's end of b's connection goes through SYN-RECEIVED CLOSED", 'b 的连接的 server 端依次经过 SYN-RECEIVED CLOSED'],
    ['a record that shows the answer', 'a record that shows the answer', '有记录给出答案'],
    ['something of a later version', 'something of a later version', 'something of a later version'],
  ] as const) {
    assert.equal(expectText(en, expected), english);
    assert.equal(expectText(zh, expected), chinese);
  }
});
