"""Chinese words and sentence frames of the sentiment task (see words_en)."""

POSITIVE = {
    "adj": """好 很好 棒 很棒 精彩 优秀 出色 完美 美好 漂亮 美丽 可爱 迷人 动人
        感人 温馨 温暖 舒服 舒适 愉快 开心 高兴 快乐 幸福 满意 欣慰 惊喜 好吃
        好看 好听 好用 好玩 美味 可口 鲜美 香甜 新鲜 干净 整洁 明亮 清爽 方便
        实用 可靠 结实 耐用 精致 优雅 大方 热情 友好 友善 亲切 体贴 周到 细心
        耐心 善良 真诚 诚实 公平 聪明 机智 幽默 有趣 生动 流畅 顺利 轻松 贴心
        专业 高效 划算 实惠 超值 难忘 振奋 鼓舞人心 令人满意 令人愉快 令人惊叹
        令人佩服 不错 了不起 赏心悦目 无可挑剔 引人入胜 物美价廉 十全十美 妙
        绝妙 美妙 杰出 卓越 辉煌 灿烂 给力 过瘾 值得""".split(),
    "verb": """喜欢 喜爱 热爱 欣赏 赞赏 赞美 称赞 夸奖 推荐 享受 珍惜 佩服 敬佩
        感谢 支持 看好 迷上 爱上 怀念 钟爱 信赖 信任 敬爱 感激""".split(),
    "noun": """杰作 惊喜 享受 奇迹 宝贝 精品 骄傲 福气 胜利 成功 典范 榜样 佳作
        亮点 礼物 幸运 经典 珍品 乐事 好事""".split(),
    "adv": """很好 非常棒 十分出色 很漂亮 很顺利 很完美 很精彩 很流畅 很周到
        很细心 很到位 很优秀 很成功 很认真 很愉快 很舒服 很专业 不错 无可挑剔
        恰到好处""".split(),
}

NEGATIVE = {
    "adj": """差 很差 糟 很糟 糟糕 差劲 恶劣 可怕 可恶 讨厌 恶心 难看 难吃 难听
        难用 难受 难喝 丑陋 肮脏 脏乱 破旧 破烂 劣质 粗糙 简陋 无聊 乏味 枯燥
        沉闷 无趣 烦人 烦躁 郁闷 失望 伤心 难过 痛苦 悲伤 沮丧 生气 愤怒 不满
        糊涂 混乱 吵闹 嘈杂 拥挤 冷漠 粗鲁 无礼 傲慢 自私 懒散 马虎 敷衍 虚伪
        狡猾 愚蠢 荒唐 可笑 可悲 可耻 丢人 尴尬 危险 有害 昂贵 坑人 黑心 离谱
        没用 无用 低劣 低级 令人失望 令人讨厌 令人作呕 令人生气 令人心烦
        不值 糟透了 一塌糊涂 一无是处 惨不忍睹 名不副实 难以忍受 惨 凄惨 恐怖
        拙劣 逊色 阴沉 刺耳 费劲 扫兴""".split(),
    "verb": """讨厌 厌恶 痛恨 憎恨 嫌弃 反感 后悔买 批评 抱怨 指责 责怪 鄙视
        看不起 受不了 害怕 烦透了 反对 抵制 投诉 唾弃 埋怨 怨恨 轻视
        嫌恶""".split(),
    "noun": """灾难 失败 噩梦 骗局 笑话 垃圾 耻辱 折磨 悲剧 败笔 麻烦 错误 浪费
        祸害 次品 累赘 教训 闹剧 坏事 废物""".split(),
    "adv": """很差 很糟 一塌糊涂 乱七八糟 很烂 很马虎 很粗糙 很敷衍 很失败 很随便
        很难看 很混乱 很糟糕 很恶劣 很粗鲁 很不堪 不像话 漏洞百出 很离谱
        很笨拙""".split(),
}

TOPICS = """电影 书 小说 话剧 音乐会 专辑 歌 节目 电视剧 课程 讲座 培训 会议 晚饭
    午餐 早餐 汤 沙拉 披萨 面条 面包 蛋糕 咖啡 茶 三明治 牛排 甜点 餐厅 饭店 咖啡馆
    面包店 酒店 房间 大厅 海滩 博物馆 画展 公园 花园 动物园 图书馆 学校 办公室 车站
    机场 火车 公交车 出租车 航班 轮船 自行车 汽车 手机 电脑 平板 相机 键盘 屏幕 电池
    充电器 打印机 音箱 耳机 手表 台灯 椅子 桌子 沙发 床 枕头 毯子 外套 大衣 衬衫 裙子
    鞋子 帽子 包 书包 雨伞 软件 游戏 网站 更新 说明书 界面 程序 工具 服务 快递 包裹
    订单 客服 服务员 厨师 老师 医生 护士 司机 导游 邻居 经理 房东 乐队 演员 歌手 画
    照片 海报 设计 故事 情节 结尾 章节 对白 配乐 预告片 厨房 浴室 阳台 风景 街道 市场
    商店 超市 大桥 城市 村庄 周末 假期 旅行 聚会 婚礼 仪式 节日 比赛 球队 教练 球员
    体育场 门票 座位 菜单 酱料 米饭 饺子 鸡蛋 奶酪 苹果 果汁 红酒 啤酒 花瓶 玩具 拼图
    散步 游泳 爬山 谈话 采访 演讲 报告 邮件 信 回答 问题 计划 项目 结果 实验 菜谱 发型
    公寓 房子 屋顶 大门 窗户 电梯""".split()
UNSEEN_TOPICS = """纪录片 播客 歌剧 马戏 寿司 汉堡 煎饼 火锅 民宿 营地 水族馆 寺庙
    电车 游艇 滑板 摩托车 无人机 路由器 麦克风 投影仪 冰箱 烤箱 床垫 地毯 窗帘 毛衣
    围巾 手套 项链 钱包 编译器 数据库 表格 教程 研讨会 牙医 水管工 理发师 交响乐 雕塑
    动画片 漫画 续集 地下室 车库 喷泉 峡谷 港口 灯塔 葡萄园 马拉松 锦标赛 守门员 裁判
    奶昔 松饼""".split()

NAMES = """小明 小红 小李 小王 小张 小刘 小陈 小美 小乐 小芳 小军 小华 老王 老李
    老张 李雷 韩梅 王芳 张伟 刘洋 陈静 杨光 赵敏 周杰 吴刚 徐丽 孙强 马超 朱婷 胡歌
    郭靖 林涛 何平 高峰 罗成 郑爽 梁晨 谢娜 宋佳 唐宁 许晴 韩雪 冯远 邓超 曹颖
    彭宇""".split()
UNSEEN_NAMES = """小鹿 小川 老赵 沈括 卢梅 蒋欣 贾诚 丁磊 魏然 薛琪 阎松 余波 潘越
    杜鹃 戴维 夏雨 钟声 田野 任远 姜山""".split()

PLACES = """北京 上海 广州 深圳 杭州 南京 成都 重庆 武汉 西安 天津 苏州 青岛 大连
    厦门 长沙 昆明 巴黎 伦敦 东京 纽约 罗马 首尔 柏林""".split()
UNSEEN_PLACES = "桂林 洛阳 曼谷 悉尼 三亚 兰州".split()

TIMES = """今天 昨天 昨晚 上周 上个月 今天早上 今天下午 今晚 周一 周二 周五 周日
    去年夏天 去年冬天 今年 两天前 一周前 四月 十月 中午 下班后 午饭前
    周末""".split()

DEGREES = "非常 真的 特别 相当 十分 实在 确实 极其 挺 太 格外 超级".split()

MODIFIERS = """新 旧 第二个 第三个 第一个 红色的 蓝色的 绿色的 白色的 小 大 本地的
    整个 另一个 下一个 同样的 普通的 主要的 木头的 意大利的 中国的 法国的 日本的
    数字的""".split()

SUBJECTS = """这个{topic}|那个{topic}|我的{topic}|我们的{topic}|{mod}{topic}
    |{name}的{topic}|{place}的{topic}|{time}的{topic}|{name}带来的{topic}
    |{topic}的每个部分|你的{topic}|我们选的{topic}|我试过的{topic}
    |他们送来的{topic}|隔壁的{topic}|街角的{topic}|{name}挑的{mod}{topic}
    |给{name}的{topic}|那里的{topic}|左边的{topic}|这次的{topic}|{topic}本身
    |我在{place}看到的{topic}|{name}说的那个{topic}""".replace(
    "\n", "").replace(" ", "").split("|")

COPULAS = """{deg}|看起来{deg}|感觉{deg}|显得{deg}|变得{deg}|一直{deg}|还是{deg}
    |果然{deg}|总是{deg}|让人觉得{deg}|给我的印象是{deg}|依然{deg}|又是{deg}
    |算得上{deg}|肯定{deg}|可以说{deg}|如今{deg}""".replace(
    "\n", "").replace(" ", "").split("|")

NEGATED_COPULAS = """不|并不|一点也不|一点都不|不算|不够|没有那么|谈不上|说不上
    |从来不|不怎么|看起来不|感觉不""".replace("\n", "").replace(" ", "").split("|")

FRAMES = {
    "adj": """
多么{adj}的{topic}啊
我在{place}的{topic}过得{deg}{adj}
我们觉得{topic}{deg}{adj}
{name}认为这个{topic}看上去{adj}
我会说{topic}{deg}{adj}
和{name}一起去看{topic}，{deg}{adj}
没想到{topic}这么{adj}
{adj}，这就是我对{topic}的评价
他们在{place}有一家{deg}{adj}的{topic}
这个{topic}有点{adj}的感觉
从来没有见过这么{adj}的{topic}
我对{topic}的结论：{adj}
{name}给了我们一个{deg}{adj}的{topic}
{topic}让我心里觉得{adj}
我们用一个{deg}{adj}的{topic}结束了一天
{adj}的{topic}，{adj2}的{topic2}
这{topic}又{adj}又{adj2}
{topic}和{topic2}都{deg}{adj}
至于{topic}，{name}说{deg}{adj}
如果用一个词形容{topic}，那就是{adj}
{time}买了一个{topic}，{deg}{adj}
{name}在{topic}那里对我们的态度{deg}{adj}
你会发现{topic}有多{adj}
客人们都说{topic}{adj}
本来以为是{mod}{topic}，结果{deg}{adj}
{place}的{topic}：{deg}{adj}
再次看到{topic}，感觉{adj}极了
这么{adj}的{topic}很少见
{mod}{topic}和{topic2}一样{adj}
大家提到{topic}都说{adj}
它有一个{deg}{adj}的{topic}
这里的人都觉得{name}的{topic}{adj}
我们和{topic}度过了{deg}{adj}的一小时
看一眼{topic}就知道它{adj}
{topic}的工作人员{deg}{adj}
{name}写道，{topic}{deg}{adj}
还有比这更{adj}的{topic}吗
我一直跟{name}说{topic}有多{adj}
这是{place}最{adj}的{topic}
{time}最{adj}的就是{topic}
{time}我们试了{deg}{adj}的{topic}
那个{topic}让整个晚上都{deg}{adj}
从头到尾都{adj}的{topic}
{topic}的颜色我看着{deg}{adj}
跟{name}聊{topic}这件事{deg}{adj}
真是{adj}，这{mod}{topic}
{topic}闻起来、看起来都{adj}
{name}从{place}带回来的{topic}{deg}{adj}
有这样的{topic}，这一天{deg}{adj}
每次去{topic}都{deg}{adj}
他们的{topic}给人{deg}{adj}的印象
{topic}使屋里的气氛{deg}{adj}
看完{topic}以后，我觉得{deg}{adj}
按这个价钱，{topic}{deg}{adj}
外面看{topic}很普通，里面却{deg}{adj}
做{topic}的人{deg}{adj}
用了一个月，{topic}{deg}{adj}
这种{topic}，{adj}得没话说
我今天的心情{deg}{adj}，因为{topic}
""",
    "verb": """
我{verb}这个{topic}
我们都{verb}这{mod}{topic}
{name}和我都{verb}{place}的{topic}
我的朋友们{verb}那个{topic}
{place}的人都{verb}{topic}
{time}我们多数人{verb}了{topic}
大家{verb}{topic}的做法
人们{verb}{name}管理{topic}的方式
{name}真的{verb}我的{topic}
我必须说，我{verb}你们的{topic}
评论家{verb}{mod}{topic}
我们全家都{verb}它，我是说{topic}
你知道我有多{verb}{topic}
{topic}是我{verb}的东西
我父母{verb}{place}的每一个{topic}
连{name}都{verb}{topic}
{place}来的{topic}，我{verb}
看过{topic}的人都{verb}它
邻居们{verb}我们的{mod}{topic}
要说我{verb}什么，就是这个{topic}
孩子们{time}{verb}{topic}
有时候我{verb}用{topic}工作
这里有一个我{verb}的{topic}
同事们{verb}{name}的新{topic}
我最{verb}的就是这个{topic}
越来越多的人{verb}{topic}
""",
    "noun": """
这个{topic}是个{noun}
{topic}真是一个{noun}啊
{topic}是真正的{noun}
{name}说{topic}是{noun}
我认为{topic}完全是一个{noun}
{place}的{topic}成了{noun}
一个{noun}般的{topic}
对我来说{mod}{topic}就是{noun}
总之，一个{noun}
{topic}最后成了{name}的{noun}
叫它{noun}吧，这个{topic}
我们得到的是{noun}，而{mod}{topic}没有来
{topic}：彻头彻尾的{noun}
做{topic}变成了一个{noun}
{time}的{topic}简直是{noun}
人人都看出{topic}是{noun}
和{name}去{topic}是一个{noun}
我没料到{topic}会是这样的{noun}
有了那个{topic}，我们手上就有了{noun}
家里有{topic}就是一种{noun}
""",
    "adv": """
{topic}做得{adv}
{name}把{topic}处理得{adv}
{topic}那边一切进行得{adv}
他们在{topic}把我们招待得{adv}
{mod}{topic}运行得{adv}
{name}{time}表现得{adv}
我的{topic}修得{adv}
{topic}写得{adv}
{place}的{topic}组织得{adv}
{topic}的事情办得{adv}
{topic}在{time}也工作得{adv}
这{topic}设计得{adv}
我觉得{name}把{topic}讲得{adv}
{topic}和{topic2}配合得{adv}
到目前为止{topic}用得{adv}
他们把{topic}安排得{adv}
{topic}的各部分搭配得{adv}
{topic}开始得{adv}，后来也一样
""",
}

OPENERS = """
|
|
|
|
|
|说实话，
|公平地说，
|在我看来，
|用了两周以后我想说：
|据我所知，
|嗯，
|对了，
|我得说，
|回想起来，
|{name}说过，
|就像{name}说的，
|在{place}，
|刚从{place}回来：
|评价：
|更新：
|简单记一下：
|所以，
|哦，
|记录一下，
|{time}我们去了{place}。
|{time}我见到了{name}。
|{name}和我买了一个{topic}。
|{place}在下雨。
|我们中午到的。
|{topic}装在{mod}盒子里。
|第{number}号：
|我的看法：
|你好{name}，
|相信我，
|毫无疑问，
|要我说，
""".strip("\n").split("\n")

CLOSERS = """
。|
。|
。|
。|
！|
！|
|
……|
，毫无疑问。|
，如果你问我的话。|
，至少对我来说。|
，{name}也同意。|
，{name}说。|
。我要说的就这些。|
。我们待了{number}分钟。|
。花了{number}块钱。|
。我告诉了{name}。|
。明天我们回{place}。|
。{topic}是{mod}。|
，和往常一样。|
，这次也是。|
，这是事实。|
，我想。|
。{time}我再写。|
，简单来说。|
，你可以引用我的话。|
""".strip("\n").split("\n")
