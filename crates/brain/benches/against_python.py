"""Seconds a sphere of 123 voxels at 2,180 stimuli and 30 columns: rsatoolbox and careful numpy, one thread.

    OPENBLAS_NUM_THREADS=1 python against_python.py
"""
import time, numpy as np, warnings; warnings.filterwarnings('ignore')
from scipy.stats import rankdata
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare, RDMs
rng=np.random.default_rng(0); n,v,k=2180,123,30
F=rng.standard_normal((n,k)); B=[rng.standard_normal((n,v)) for _ in range(4)]
q=F-F.mean(1,keepdims=True); q/=np.linalg.norm(q,axis=1,keepdims=True)
iu=np.triu_indices(n,1); m=1-(q@q.T)[iu]
mr=RDMs(m[None]); mc=m-m.mean(); mc/=np.linalg.norm(mc); rm=rankdata(m); rm-=rm.mean(); rm/=np.linalg.norm(rm)
for method in ['corr','spearman']:
    t=time.perf_counter()
    for b in B[:2]:
        r=calc_rdm(Dataset(b),method='correlation'); compare(r,mr,method=method)
    print('rsatoolbox',method,(time.perf_counter()-t)/2,flush=True)
def z(b):
    z=(b-b.mean(1,keepdims=True)).astype('f4'); z/=np.linalg.norm(z,axis=1,keepdims=True); return z
idx=iu[0]*n+iu[1]
t=time.perf_counter()
for b in B:
    Z=z(b); s=(Z@Z.T).ravel()[idx]; s=s-s.mean(); -(s@mc)/np.linalg.norm(s)
print('numpy pearson, pairs',(time.perf_counter()-t)/4)
t=time.perf_counter()
for b in B*5:
    Z=z(b); A=(Z.T@Z); C=Z.T@q.astype('f4'); (A*A).sum(); (C*C).sum()
print('numpy pearson, gram',(time.perf_counter()-t)/20)
t=time.perf_counter()
for b in B:
    Z=z(b); s=(Z@Z.T).ravel()[idx]; o=np.argsort(s,kind='stable'); r=np.empty(len(s)); r[o]=np.arange(len(s)); r-=r.mean(); (r@rm)/np.linalg.norm(r)
print('numpy spearman',(time.perf_counter()-t)/4)
